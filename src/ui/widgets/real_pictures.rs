//! Real pictures that are looked up and drawn from: what they are looked for by, those that were found, how much they
//! count.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Label, RichText, Sense, Slider, Ui, Vec2};
use egui_material_icons::icons::{ICON_CLOSE, ICON_FILE_OPEN, ICON_SEARCH};

use crate::engine::latent::retrieval::{FindReal, RealFound};
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::retrieval::{Grounding, Neighbour};
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::action::PickKind;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::widgets::own_data;

/// Purpose of the dialog that chooses pictures to be like.
const LIKE: &str = "real pictures to be like";
/// Purpose of the dialog that chooses pictures to be unlike.
const UNLIKE: &str = "real pictures to be unlike";
/// Side of a picture that was found.
const SIDE: f32 = 72.0;
/// The same in a low window, where what is drawn needs the room.
const SMALL: f32 = 44.0;
/// Room below which a window is low.
const LOW: f32 = 440.0;

/// What a view keeps of it.
#[derive(Default)]
pub struct RealPictures {
    /// Words to look for.
    pub text: String,
    like: Vec<PathBuf>,
    unlike: Vec<PathBuf>,
    /// How much they count, and how many.
    pub grounding: Grounding,
    job: Option<JobId>,
    found: Option<(ModelRef, Arc<RealFound>)>,
    revision: u64,
}

impl RealPictures {
    /// What was found for this model.
    pub fn found(&self, model: &str) -> Option<&Arc<RealFound>> {
        self.found.as_ref().filter(|found| found.0 == model).map(|found| &found.1)
    }

    /// Takes the answer of this job.
    #[cfg(test)]
    pub fn expect(&mut self, job: JobId) {
        self.job = Some(job);
    }

    /// Draws as the model learned from now on.
    pub fn clear(&mut self) {
        self.found = None;
    }

    /// The line in which real pictures are looked for. `hint` stands in the field; `prompt` is looked for where the field is
    /// empty and no pictures are given.
    pub fn search(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, view: ViewId, info: &ModelInfo, hint: &str, prompt: &str) {
        ui.horizontal_wrapped(|ui| {
            let what = "Looking for real pictures";
            if job_progress::shown(ui, cx, self.job, 160.0, what, "Cancel search") == Doing::Working {
                return;
            }
            let width = (ui.available_width() - 16.0).clamp(120.0, 260.0);
            let field = theme::text_field(ui, &mut self.text, hint, width, "Look for real pictures");
            let entered = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            let chosen = |paths: &[PathBuf], text: &str| match paths.len() {
                0 => format!("{text}…"),
                n => format!("{text}: {n}"),
            };
            let like = theme::button(ui, Some(ICON_FILE_OPEN), &chosen(&self.like, "Like"));
            if like.on_hover_text("Pictures that those which are found shall be like").clicked() {
                cx.pick(view, LIKE, PickKind::Files, "Pictures to be like", &[]);
            }
            if !self.like.is_empty() {
                let unlike = theme::quiet_button(ui, None, &chosen(&self.unlike, "Unlike"));
                if unlike.on_hover_text("Pictures that they shall be unlike").clicked() {
                    cx.pick(view, UNLIKE, PickKind::Files, "Pictures to be unlike", &[]);
                }
                if theme::icon_button(ui, ICON_CLOSE, "Give no pictures").clicked() {
                    (self.like, self.unlike) = (Vec::new(), Vec::new());
                }
            }
            let text = if self.text.trim().is_empty() && self.like.is_empty() { prompt } else { &self.text };
            let ready = !text.trim().is_empty() || !self.like.is_empty();
            let ask = FindReal {
                text: text.trim().to_string(),
                like: self.like.clone(),
                unlike: self.unlike.clone(),
                neighbours: self.grounding.neighbours,
            };
            let button = ui.add_enabled_ui(ready, |ui| theme::button(ui, Some(ICON_SEARCH), "Find")).inner;
            if ready && (button.on_hover_text("Real pictures that fit best").clicked() || entered) {
                let job = cx.new_job();
                self.job = Some(job);
                let model = info.model.clone();
                cx.send(Command::Latent(LatentCommand::FindReal { job, model, ask: Box::new(ask) }));
            }
        });
        own_data::offer(ui, cx, view, self.job);
    }

    /// Slider of how much they count. True when it was let go at another place.
    pub fn strength(&mut self, ui: &mut Ui) -> bool {
        let slider = Slider::new(&mut self.grounding.strength, 0.0..=1.0).max_decimals(2).text("Strength");
        let slider = ui.add(slider).on_hover_text("0: as the model learned. 1: like the real pictures that were found");
        slider.drag_stopped() || (slider.changed() && !slider.dragged())
    }

    /// Slider of how many are drawn from; holds from the next search on.
    pub fn count(&mut self, ui: &mut Ui) {
        ui.add(Slider::new(&mut self.grounding.neighbours, 1..=32).text("Neighbours"))
            .on_hover_text("Real pictures to draw from; holds from the next search on");
    }

    /// The pictures that were found for this model, each with why it is there.
    pub fn strip(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) {
        let Some(found) = self.found(&info.model).cloned() else { return };
        let ctx = ui.ctx().clone();
        cx.pictures_of(&info.model);
        let side = if ui.available_height() < LOW { SMALL } else { SIDE };
        ui.horizontal_wrapped(|ui| {
            for (i, (neighbour, picture)) in found.pictures.iter().enumerate() {
                let tex = cx.textures.get(&ctx, key(("real picture", i)), self.revision, picture);
                let name = format!("Real picture {}", i + 1);
                let likeness = found.likeness.get(i).copied();
                textures::picture(ui, &tex, Vec2::splat(side), Sense::hover(), &name)
                    .on_hover_text(told(neighbour, likeness));
            }
        });
        for note in &found.notes {
            let text = RichText::new(note).size(size::SMALL).color(theme::tokens(ui).weak);
            ui.add(Label::new(text).wrap());
        }
    }

    /// Takes news in. True when pictures were found.
    pub fn on_event(&mut self, event: &Event) -> bool {
        match event {
            Event::Latent(LatentEvent::RealFound { job, model, found }) if self.job == Some(*job) => {
                self.found = Some((model.clone(), found.clone()));
                self.revision += 1;
                true
            }
            _ => false,
        }
    }

    /// Takes the answer of a dialog. True if it was for it.
    pub fn picked(&mut self, purpose: &str, paths: &[PathBuf]) -> bool {
        match purpose {
            LIKE => self.like = paths.to_vec(),
            UNLIKE => self.unlike = paths.to_vec(),
            _ => return false,
        }
        true
    }

    /// Pictures that were dropped are those to be like.
    pub fn dropped(&mut self, paths: &[PathBuf]) -> bool {
        let pictures: Vec<PathBuf> = paths.iter().filter(|p| is_picture(p)).cloned().collect();
        let taken = !pictures.is_empty() && pictures.len() == paths.len();
        if taken {
            self.like = pictures;
        }
        taken
    }
}

/// Whether a file is called as pictures are.
fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    ending.is_some_and(|e| ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"].contains(&e.as_str()))
}

/// What is said of a picture that was found.
fn told(neighbour: &Neighbour, likeness: Option<f64>) -> String {
    let mut lines = vec![neighbour.name.clone()];
    lines.extend(neighbour.caption.as_ref().map(|c| format!("“{c}”")));
    lines.extend(neighbour.label.as_ref().map(|l| format!("Label: {l}")));
    let why = neighbour.why.iter().map(|(list, rank)| format!("{rank}. by {list}"));
    lines.push(format!("{}; share {:.0} %", why.collect::<Vec<_>>().join(", "), neighbour.weight * 100.0));
    lines.extend(likeness.map(|db| format!("The model shows it with {db:.1} dB")));
    lines.join("\n")
}
