//! Where a picture does not come back from a VAE, and what that means.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Rect, Sense, Ui, Vec2, pos2};
use egui_material_icons::icons::{ICON_CHEVRON_LEFT, ICON_CHEVRON_RIGHT, ICON_IMAGE_SEARCH};

use crate::base::Family;
use crate::base::Picture;
use crate::engine::{Command, Event, LatentCommand, LatentEvent};
use crate::latent::activations::codes::Anomaly;
use crate::models::info::ModelInfo;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::page::{Page, PageActions, PageCx};
use crate::ui::views::explore::tabs::inside_state::{InsideState, MOST_PICTURES};
use crate::ui::widgets::drop_target::{DropState, drop_pictures, path_field, picture_button};

/// Seconds after which an answer is no longer waited for.
const GIVE_UP: f64 = 20.0;
/// Times the usual error up to which a picture is like those of the model.
const ALIKE: f32 = 1.5;
/// Times the usual error from which it lies outside.
const OUTSIDE: f32 = 3.0;

/// Picture, model and weights.
type Of = (PathBuf, String, String);

struct Seen {
    of: Of,
    pictures: [Arc<Picture>; 3],
    error: f32,
    usual: f32,
    revision: u64,
}

/// What is known of a picture's faults.
#[derive(Default)]
pub struct Anomalies {
    /// Pictures that were dropped or chosen.
    handed: Option<Vec<PathBuf>>,
    drop: DropState,
    /// What was asked for last, and when.
    asked: Option<(u64, Of, f64)>,
    seen: Option<Seen>,
    revision: u64,
}

impl Page for Anomalies {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        if let Some(paths) = self.handed.take() {
            state.inside.look_at(paths);
            out.label = Some("look at a picture's faults");
        }
        if info.family != Family::Vae {
            let why = "Only a VAE gives a picture back; choose one above";
            theme::empty_state(ui, ICON_IMAGE_SEARCH, "This model gives no pictures back", why, None);
            return;
        }
        let mut chosen = None;
        let wanted = state.inside.picture.clone();
        if wanted.is_some() {
            theme::toolbar(ui, |ui| {
                step(ui, &mut state.inside, out);
                picture_button(ui, cx, ViewId::Explore, true);
                chosen = path_field(ui, &mut self.drop);
            });
        }
        theme::page(ui, "anomaly", |ui| match &wanted {
            None => {
                let hint = "See where this model fails to give them back";
                let texts = ("Drop one picture or several", hint);
                let taken = drop_pictures(ui, cx, ViewId::Explore, &mut self.drop, texts, true);
                chosen = taken.or(chosen.take());
            }
            Some(path) => {
                let of = (path.clone(), info.model.clone(), info.hash.clone());
                self.look(ui, cx, of);
            }
        });
        if let Some(paths) = chosen.filter(|c| !c.is_empty()) {
            state.inside.look_at(paths);
            out.label = Some("look at a picture's faults");
        }
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, _cx: &mut Cx<'_>) {
        let Event::Latent(LatentEvent::Anomaly { ticket, anomaly, .. }) = event else { return };
        let Some((_, of, _)) = self.asked.take_if(|a| a.0 == *ticket) else { return };
        self.revision += 1;
        let Anomaly { input, reconstruction, heat, error, usual } = (**anomaly).clone();
        let pictures = [input, reconstruction, heat].map(Arc::new);
        self.seen = Some(Seen { of, pictures, error, usual, revision: self.revision });
    }

    fn on_drop(&mut self, paths: &[PathBuf], info: &ModelInfo, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        let pictures = paths.iter().filter(|p| image::ImageFormat::from_path(p).is_ok());
        let pictures: Vec<PathBuf> = pictures.take(MOST_PICTURES).cloned().collect();
        info.family == Family::Vae && self.take_files(&pictures)
    }

    fn take_files(&mut self, paths: &[PathBuf]) -> bool {
        self.handed = (!paths.is_empty()).then(|| paths.to_vec());
        self.handed.is_some()
    }

    fn expire(&mut self) {
        self.asked = None;
    }
}

impl Anomalies {
    fn look(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, of: Of) {
        if self.seen.as_ref().is_none_or(|s| s.of != of) {
            if self.asked.as_ref().is_none_or(|a| a.1 != of) {
                self.ask(of.clone(), cx);
            }
            let late = self.asked.as_ref().is_some_and(|a| cx.time - a.2 > GIVE_UP);
            if late {
                theme::toned(ui, Tone::Warn, "No answer came for this picture");
                if theme::button(ui, None, "Try again").clicked() {
                    self.ask(of, cx);
                }
            } else {
                let side = ((ui.available_width() - 2.0 * size::M) / 3.0).clamp(32.0, 280.0).floor();
                ui.horizontal(|ui| (0..3).for_each(|_| drop(theme::skeleton(ui, Vec2::splat(side)))));
                ui.ctx().request_repaint_after(std::time::Duration::from_secs(1));
            }
            return;
        }
        let Some(seen) = &self.seen else { return };
        let ctx = ui.ctx().clone();
        let side = ((ui.available_width() - 2.0 * size::M) / 3.0).clamp(32.0, 280.0).floor();
        let tex: Vec<_> =
            (0..3).map(|i| cx.textures.get(&ctx, key(("anomaly", i)), seen.revision, &seen.pictures[i])).collect();
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = size::M;
            for (i, title) in ["Your picture", "What comes back", "Where it fails"].into_iter().enumerate() {
                ui.vertical(|ui| {
                    // The third is the first, with the heat over it.
                    let below = &tex[if i == 1 { 1 } else { 0 }];
                    let response = textures::picture(ui, below, Vec2::splat(side), Sense::hover(), title);
                    if i == 2 {
                        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                        ui.painter().image(tex[2].id(), tex[2].within(response.rect), whole, egui::Color32::WHITE);
                    }
                    theme::weak(ui, title);
                });
            }
        });
        ui.add_space(size::S);
        let ratio = seen.error / seen.usual.max(1e-6);
        let (tone, meaning) = meaning(ratio);
        ui.horizontal_wrapped(|ui| {
            theme::badge(ui, tone, &format!("{ratio:.1} times the usual error"));
            theme::toned(ui, tone, meaning);
        });
        let percent = |v: f32| format!("{:.1} %", v * 100.0);
        theme::weak(
            ui,
            format!(
                "It comes back {} off; the model's own pictures {} on average",
                percent(seen.error),
                percent(seen.usual)
            ),
        );
        theme::weak(ui, "Clear where it comes back as usual, yellow where it is off more, red at five times the usual");
    }

    fn ask(&mut self, of: Of, cx: &mut Cx<'_>) {
        let ticket = cx.ids.next();
        let (input, model) = (of.0.clone(), of.1.clone());
        cx.send(Command::Latent(LatentCommand::Anomaly { ticket, model, input }));
        self.asked = Some((ticket, of, cx.time));
    }
}

/// From picture to picture, where there are several.
fn step(ui: &mut Ui, own: &mut InsideState, out: &mut PageActions) {
    let n = own.pictures.len();
    if n < 2 {
        return;
    }
    let at = own.picture.as_ref().and_then(|p| own.pictures.iter().position(|o| o == p)).unwrap_or(0);
    let mut go = None;
    if theme::icon_button(ui, ICON_CHEVRON_LEFT, "Picture before").clicked() {
        go = Some((at + n - 1) % n);
    }
    theme::weak(ui, format!("{} of {n}", at + 1));
    if theme::icon_button(ui, ICON_CHEVRON_RIGHT, "Picture after").clicked() {
        go = Some((at + 1) % n);
    }
    if let Some(to) = go {
        own.picture = own.pictures.get(to).cloned();
        out.label = Some("look at another picture's faults");
    }
}

/// What an error says, as so many times the usual one.
fn meaning(ratio: f32) -> (Tone, &'static str) {
    match ratio {
        r if r < ALIKE => (Tone::Good, "This picture is like those that the model knows"),
        r if r < OUTSIDE => (Tone::Warn, "Part of this picture is unknown to the model"),
        _ => (Tone::Bad, "This picture lies outside of what the model knows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_says_what_it_means() {
        assert_eq!(meaning(1.0).0, Tone::Good);
        assert_eq!(meaning(2.0).0, Tone::Warn);
        assert!(meaning(4.0).1.contains("outside"));
    }
}
