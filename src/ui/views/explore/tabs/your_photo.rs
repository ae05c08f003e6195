//! A picture from elsewhere: what a VAE makes of it, how far off, and what is near; its latent in any model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Sense, Ui, Vec2};
use egui_material_icons::icons::{ICON_FILE_OPEN, ICON_MY_LOCATION};

use crate::base::{Family, Picture};
use crate::engine::{Command, Event, SlotId};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::PickKind;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked};
use crate::ui::views::explore::tabs::photo_search::PhotoSearch;
use crate::ui::widgets::drop_target::{DropState, drop_pictures, path_field};
use crate::ui::widgets::latent_slot::drag_latent;

/// Purpose of the dialog that chooses a photo.
const PICK: &str = "photo to find";

/// What the encoder said of a picture.
struct Seen {
    path: PathBuf,
    model: String,
    latent: Latent,
    deviation: f32,
    pictures: [Arc<Picture>; 3],
    error: f64,
    neighbours: Vec<(Arc<Picture>, f32)>,
    revision: u64,
}

/// The tab's own state.
#[derive(Default)]
pub struct YourPhoto {
    drop: DropState,
    photo: PhotoSearch,
    slot: Option<SlotId>,
    path: Option<PathBuf>,
    /// Path and model that were asked for last.
    asked: Option<(PathBuf, String)>,
    seen: Option<Seen>,
    revision: u64,
}

impl Page for YourPhoto {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, out, .. }: PageCx<'_, '_>) {
        let vae = info.family == Family::Vae;
        if let Some(path) = self.path.clone().filter(|_| vae) {
            let wanted = (path, info.model.clone());
            if self.asked.as_ref() != Some(&wanted) {
                let slot = *self.slot.get_or_insert_with(|| cx.new_slot());
                cx.send(Command::Encode { slot, model: info.model.clone(), path: wanted.0.clone() });
                self.asked = Some(wanted);
            }
        }
        let there = self.seen.as_ref().is_some_and(|s| s.model == info.model);
        let known = if vae { there } else { self.path.is_some() };
        let mut chosen = None;
        if known {
            theme::toolbar(ui, |ui| {
                if theme::button(ui, Some(ICON_FILE_OPEN), "Choose a photo…").clicked() {
                    cx.pick(ViewId::Explore, PICK, PickKind::File, "Choose a photo", &[]);
                }
                chosen = path_field(ui, &mut self.drop);
            });
        }
        theme::page(ui, "your photo", |ui| {
            let seen = self.seen.as_ref().filter(|s| vae && s.model == info.model);
            if let Some(seen) = seen {
                trio(ui, cx, info, seen, out);
                theme::section(ui, "Look closer");
            }
            if let Some(path) = self.path.clone().filter(|_| !vae || seen.is_some()) {
                self.photo.section(ui, cx, info, &path, out);
                return;
            }
            let hint = "See what this model makes of it, and open its latent";
            let texts = ("Drop a photo", hint);
            chosen = drop_pictures(ui, cx, ViewId::Explore, &mut self.drop, texts, false).or(chosen.take());
        });
        if let Some(path) = chosen.and_then(|c| c.into_iter().next()) {
            self.open(&path);
        }
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, _cx: &mut Cx<'_>) {
        self.photo.on_event(event);
        let Event::Encoded { slot, model, path, input, reconstruction, latent, deviation, neighbours } = event else {
            return;
        };
        if Some(*slot) != self.slot {
            return;
        }
        let (difference, error) = difference(input, reconstruction);
        self.revision += 1;
        self.seen = Some(Seen {
            path: path.clone(),
            model: model.clone(),
            latent: latent.clone(),
            deviation: deviation.iter().sum::<f32>() / deviation.len().max(1) as f32,
            pictures: [input.clone(), reconstruction.clone(), difference].map(Arc::new),
            error,
            neighbours: neighbours.iter().map(|(p, d)| (Arc::new(p.clone()), *d)).collect(),
            revision: self.revision,
        });
    }

    fn picked(&mut self, picked: &Picked<'_>, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        let own = picked.purpose == PICK;
        if own {
            self.open(picked.first());
        }
        own
    }

    fn take_files(&mut self, paths: &[PathBuf]) -> bool {
        let Some(path) = paths.first() else { return false };
        self.open(path);
        true
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some("Found for a photo of yours".into())
    }
}

impl YourPhoto {
    /// Looks at a picture file.
    fn open(&mut self, path: &Path) {
        self.path = Some(path.to_path_buf());
        self.asked = None;
    }
}

fn trio(ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, seen: &Seen, out: &mut PageActions) {
    let name = seen.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let side = ((ui.available_width() - 2.0 * size::M) / 3.0).clamp(32.0, 280.0).floor();
    let ctx = ui.ctx().clone();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = size::M;
        for (i, title) in ["As the model sees it", "Reconstruction", "Difference"].into_iter().enumerate() {
            ui.vertical(|ui| {
                let tex = cx.textures.get(&ctx, key(("encoded", i)), seen.revision, &seen.pictures[i]);
                let sense = if i == 1 { Sense::click_and_drag() } else { Sense::hover() };
                let response = textures::picture(ui, &tex, Vec2::splat(side), sense, title);
                if i == 1 {
                    drag_latent(&response, &info.model, &seen.latent, 1.0, Some(&seen.pictures[1]));
                    if response.clicked() {
                        out.open = Some(seen.latent.clone());
                        out.whole = true;
                    }
                }
                theme::weak(ui, title);
            });
        }
    });
    ui.add_space(size::S);
    ui.horizontal_wrapped(|ui| {
        if theme::primary_button(ui, Some(ICON_MY_LOCATION), "Open its latent").clicked() {
            out.open = Some(seen.latent.clone());
            out.whole = true;
        }
        theme::weak(
            ui,
            format!("{name}  ·  mean difference {:.1} %  ·  mean σ {:.2}", seen.error * 100.0, seen.deviation),
        );
    });
    if !seen.neighbours.is_empty() {
        theme::section(ui, "Nearest in the training data");
        ui.horizontal_wrapped(|ui| {
            for (i, (picture, distance)) in seen.neighbours.iter().enumerate() {
                ui.vertical(|ui| {
                    let tex = cx.textures.get(&ctx, key(("neighbour", i)), seen.revision, picture);
                    let label = format!("Neighbour {}", i + 1);
                    textures::picture(ui, &tex, Vec2::splat(72.0), Sense::hover(), &label);
                    theme::weak(ui, format!("{distance:.2}"));
                });
            }
        });
    }
}

/// Absolute difference of two pictures, brightened to be seen, and its mean as a share of the whole range.
pub fn difference(a: &Picture, b: &Picture) -> (Picture, f64) {
    let mut out = Picture::filled(a.width, a.height, [0, 0, 0, 255]);
    let mut sum = 0u64;
    for ((o, x), y) in out.rgba.chunks_exact_mut(4).zip(a.rgba.chunks_exact(4)).zip(b.rgba.chunks_exact(4)) {
        for c in 0..3 {
            let d = x[c].abs_diff(y[c]);
            sum += u64::from(d);
            o[c] = d.saturating_mul(3);
        }
    }
    let numbers = (out.rgba.len() / 4 * 3).max(1) as f64;
    (out, sum as f64 / numbers / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_zero_for_the_same_and_one_for_opposites() {
        let (black, white) = (Picture::filled(3, 2, [0, 0, 0, 255]), Picture::filled(3, 2, [255; 4]));
        assert_eq!(difference(&black, &black).1, 0.0);
        let (picture, error) = difference(&black, &white);
        assert_eq!(error, 1.0);
        assert_eq!(picture.pixel(1, 1), [255; 4]);
    }
}
