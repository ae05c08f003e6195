//! A picture from elsewhere put into a model: its latent is looked for, the way to it is a film, and the model can be
//! brought closer to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{ComboBox, DragValue, Key, Sense, Slider, Ui, Vec2};
use egui_material_icons::icons::{ICON_EXPLORE, ICON_MODEL_TRAINING, ICON_MY_LOCATION, ICON_SEARCH};

use crate::base::{Family, Picture};
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::invert::InvertConfig;
use crate::latent::latent_forward::LatentSpace;
use crate::latent::latent_math::Dims;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::page::PageActions;
use crate::ui::widgets::encoder::EncoderPanel;
use crate::ui::widgets::latent_slot::drag_latent;

/// Steps that are proposed.
const STEPS: u32 = 300;
/// Steps of bringing the model closer.
const TUNING: u32 = 200;

/// How a latent shall be looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct How {
    /// What may move; the model's best if not given.
    pub freedom: Option<LatentSpace>,
    /// Steps.
    pub steps: u32,
    /// First guesses.
    pub starts: u32,
}

impl Default for How {
    fn default() -> Self {
        Self { freedom: None, steps: STEPS, starts: InvertConfig::default().starts }
    }
}

impl How {
    /// What is asked of the engine, with so many steps between looks at the way.
    pub fn wish(&self, info: &ModelInfo, show: u32) -> InvertConfig {
        // A choice made for a model with styles says nothing of one without.
        let freedom = self.freedom.filter(|f| *f == LatentSpace::Z || Dims::of(info).layers > 0);
        InvertConfig { freedom, steps: self.steps, starts: self.starts, show, ..InvertConfig::default() }
    }

    /// Its fields.
    pub fn fields(&mut self, ui: &mut Ui, info: &ModelInfo) {
        let field = DragValue::new(&mut self.steps).range(0..=5000).speed(2.0).suffix(" steps");
        let help = "More steps come closer and take longer; none leaves it to the encoder alone";
        ui.add(field).accessible_name("Steps of the search").on_hover_text(help);
        let starts = DragValue::new(&mut self.starts).range(1..=16).speed(0.05).suffix(" starts");
        let help = "First guesses that set out; the best goes on alone after a third of the way";
        ui.add(starts).accessible_name("Starts of the search").on_hover_text(help);
        if Dims::of(info).layers > 0 {
            let text = |f: Option<LatentSpace>| match f {
                None | Some(LatentSpace::WPlus) => "W+: a style for each layer",
                Some(LatentSpace::W) => "W: one style",
                Some(LatentSpace::Z) => "Z: a latent",
            };
            let combo = ComboBox::from_id_salt("space").selected_text(text(self.freedom)).show_ui(ui, |ui| {
                for freedom in [None, Some(LatentSpace::W), Some(LatentSpace::Z)] {
                    ui.selectable_value(&mut self.freedom, freedom, text(freedom));
                }
            });
            let help = "W+ comes closest; Z stays nearest to what the model makes on its own";
            combo.response.accessible_name("Space of the search").on_hover_text(help);
        }
    }
}

/// A look at the way.
struct SearchStep {
    step: u32,
    picture: Arc<Picture>,
    psnr: f64,
}

/// What was found.
struct Found {
    latent: Latent,
    input: Arc<Picture>,
    picture: Arc<Picture>,
    psnr: f64,
    guess: Option<f64>,
    outside: bool,
}

/// A model that was brought closer.
struct Tuned {
    model: ModelRef,
    psnr: f64,
}

/// What is known and looked for.
#[derive(Default)]
pub struct PhotoSearch {
    /// Picture and model it is about.
    of: Option<(PathBuf, ModelRef)>,
    wish: How,
    job: Option<JobId>,
    tuning: Option<JobId>,
    way: Vec<SearchStep>,
    /// Place on the way that is looked at; the end if none.
    at: Option<usize>,
    found: Option<Found>,
    /// Ticket of the picture as the model sees it, and the picture: shown while its latent is looked for.
    asked: Option<u64>,
    input: Option<Arc<Picture>>,
    tuned: Option<Tuned>,
    encoder: EncoderPanel,
    revision: u64,
}

impl PhotoSearch {
    /// Draws what is known of a picture, and what can be done.
    pub fn section(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, path: &Path, out: &mut PageActions) {
        let of = (path.to_path_buf(), info.model.clone());
        if self.of.as_ref() != Some(&of) {
            (self.way, self.at, self.found, self.tuned) = (Vec::new(), None, None, None);
            (self.job, self.tuning) = (None, None);
            (self.asked, self.input) = (None, None);
            self.of = Some(of);
            if info.family == Family::Gan {
                self.search(info, path, cx);
            }
        }
        self.bar(ui, cx, info, path);
        if info.family == Family::Gan {
            self.encoder.show(ui, cx, info);
        }
        self.pictures(ui, cx, info, out);
        self.after(ui, cx, info, path, out);
    }

    fn search(&mut self, info: &ModelInfo, path: &Path, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        let wish = self.wish.wish(info, 10);
        let (model, inputs) = (info.model.clone(), vec![path.to_path_buf()]);
        cx.send(Command::Latent(LatentCommand::Invert { job, model, inputs, wish }));
        (self.job, self.found, self.at) = (Some(job), None, None);
        self.way.clear();
    }

    fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, path: &Path) {
        ui.horizontal(|ui| {
            if job_progress::shown(ui, cx, self.job, 220.0, "Looking for its latent", "Cancel the search")
                != Doing::Nothing
            {
                return;
            }
            let text = if self.found.is_some() { "Search again" } else { "Find its latent" };
            if theme::button(ui, Some(ICON_SEARCH), text).clicked() {
                self.search(info, path, cx);
            }
            self.wish.fields(ui, info);
        });
    }

    fn pictures(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, out: &mut PageActions) {
        // What can be done with it stays in sight below.
        let room = (ui.clip_rect().height() - 260.0).min((ui.available_width() - size::M) / 2.0);
        let side = room.clamp(96.0, 320.0).floor();
        let ctx = ui.ctx().clone();
        let before = ui.input(|i| i.key_down(Key::B)) && cx.keys_free;
        let last = self.way.len().checked_sub(1);
        let look = self.at.or(last.filter(|_| self.found.is_none())).and_then(|i| self.way.get(i));
        let (shown, psnr, name) = match (look, &self.found) {
            (Some(look), _) => (Some(&look.picture), Some(look.psnr), format!("After {} steps", look.step)),
            (None, Some(found)) => (Some(&found.picture), Some(found.psnr), "As the model makes it".to_string()),
            (None, None) => (None, None, "As the model makes it".to_string()),
        };
        // Asked for once the search has begun: what cannot be read is said by the search alone.
        if self.asked.is_none()
            && self.found.is_none()
            && !self.way.is_empty()
            && let Some((input, model)) = self.of.clone()
        {
            let ticket = cx.ids.next();
            cx.send(Command::Latent(LatentCommand::TakeIn { ticket, model, input }));
            self.asked = Some(ticket);
        }
        let input = self.found.as_ref().map(|f| &f.input).or(self.input.as_ref());
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = size::M;
            let cells = [
                (input, "Your picture".to_string(), false),
                (if before { input.or(shown) } else { shown }, name, true),
            ];
            for (i, (picture, title, made)) in cells.into_iter().enumerate() {
                ui.vertical(|ui| {
                    let Some(picture) = picture else {
                        theme::skeleton(ui, Vec2::splat(side));
                        theme::weak(ui, title);
                        return;
                    };
                    let revision = Arc::as_ptr(picture) as u64 ^ self.revision;
                    let tex = cx.textures.get(&ctx, key(("photo", i)), revision, picture);
                    let response = textures::picture(ui, &tex, Vec2::splat(side), Sense::click_and_drag(), &title);
                    if let Some(found) = self.found.as_ref().filter(|_| made) {
                        drag_latent(&response, &info.model, &found.latent, 1.0, Some(&found.picture));
                        if response.clicked() {
                            out.open = Some(found.latent.clone());
                            out.whole = true;
                        }
                    }
                    let psnr = psnr.filter(|_| made).map_or(String::new(), |p| format!("  ·  {p:.1} dB"));
                    theme::weak(ui, format!("{title}{psnr}"));
                });
            }
        });
        if let Some(last) = last.filter(|l| *l > 0 && self.found.is_some()) {
            let mut at = self.at.unwrap_or(last + 1);
            ui.horizontal(|ui| {
                theme::weak(ui, "Steps");
                ui.spacing_mut().slider_width = (2.0 * side - 40.0).max(80.0);
                theme::sliders_on_canvas(ui);
                let slider = Slider::new(&mut at, 0..=last + 1).show_value(false);
                if ui.add(slider).accessible_name("Step on the way").changed() {
                    self.at = (at <= last).then_some(at);
                }
            });
            theme::weak(ui, "Hold B to see your picture in its place");
        }
    }

    fn after(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, path: &Path, out: &mut PageActions) {
        let Some(found) = &self.found else { return };
        if found.outside {
            theme::toned(ui, Tone::Warn, "This picture lies outside of what the model knows");
        }
        if let Some(guess) = found.guess {
            theme::weak(ui, format!("{:.1} dB after all steps, {guess:.1} dB by the encoder alone", found.psnr));
        }
        ui.add_space(size::XS);
        ui.horizontal_wrapped(|ui| {
            if theme::primary_button(ui, Some(ICON_MY_LOCATION), "Open what was found").clicked() {
                out.open = Some(found.latent.clone());
                out.whole = true;
                out.label = Some("open a photo of one's own");
            }
            if info.family != Family::Gan {
                return;
            }
            let doing = job_progress::shown(ui, cx, self.tuning, 160.0, "Tuning the model", "Cancel the tuning");
            if doing == Doing::Nothing && self.tuned.is_none() {
                let help = "Trains the model a little so that it makes this picture exactly, and keeps the result as a \
                            model of its own";
                if theme::button(ui, Some(ICON_MODEL_TRAINING), "Tune the model to it").on_hover_text(help).clicked() {
                    let job = cx.new_job();
                    let (model, latent, input) = (info.model.clone(), found.latent.clone(), path.to_path_buf());
                    cx.send(Command::Latent(LatentCommand::Tune { job, model, input, latent, steps: TUNING }));
                    self.tuning = Some(job);
                }
            }
            if let Some(tuned) = &self.tuned {
                theme::weak(ui, format!("{:.1} dB by a tuned model", tuned.psnr));
                if theme::button(ui, Some(ICON_EXPLORE), "Explore the tuned model").clicked() {
                    out.model = Some(tuned.model.clone());
                    out.open = Some(found.latent.clone());
                    out.whole = true;
                }
            }
        });
    }

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event) {
        self.encoder.on_event(event);
        let Event::Latent(event) = event else { return };
        match event {
            LatentEvent::TakenIn { ticket, picture, .. } if Some(*ticket) == self.asked => {
                self.revision += 1;
                self.input = picture.as_ref().map(|p| Arc::new((**p).clone()));
            }
            LatentEvent::Inverting { job, step } if Some(*job) == self.job => {
                self.revision += 1;
                let picture = Arc::new(step.picture.clone());
                self.way.push(SearchStep { step: step.step, picture, psnr: step.psnr });
            }
            LatentEvent::Inverted { job, found, .. } if Some(*job) == self.job => {
                self.revision += 1;
                self.found = Some(Found {
                    latent: found.latent.clone(),
                    input: Arc::new(found.input.clone()),
                    picture: Arc::new(found.picture.clone()),
                    psnr: found.psnr,
                    guess: found.guess.as_ref().map(|g| g.1),
                    outside: found.outside == Some(true),
                });
            }
            LatentEvent::Tuned { job, child, psnr, .. } if Some(*job) == self.tuning => {
                self.tuned = Some(Tuned { model: child.clone(), psnr: *psnr });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_shown_while_its_latent_is_looked_for() {
        let mut search = PhotoSearch { asked: Some(3), ..PhotoSearch::default() };
        let told = |ticket| {
            let picture = Some(Box::new(Picture::filled(2, 2, [1, 2, 3, 255])));
            Event::Latent(LatentEvent::TakenIn { ticket, model: "m".into(), path: "a.png".into(), picture })
        };
        search.on_event(&told(2));
        assert!(search.input.is_none(), "another page asked for it");
        search.on_event(&told(3));
        assert_eq!(search.input.unwrap().width, 2);
    }
}
