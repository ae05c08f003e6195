//! A picture from elsewhere: what a VAE makes of it, how far off, and what is near; its latent in any model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Sense, Ui, Vec2};
use egui_material_icons::icons::{ICON_FILE_OPEN, ICON_MY_LOCATION};

use super::photo::Photo;
use super::photos::{Photos, is_picture};
use super::{Cx, Out, ViewId};
use crate::base::{Family, Picture};
use crate::engine::{Command, Event, SlotId};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::PickKind;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::widgets::drop_target::{DropState, PURPOSE, drop_target, path_field};
use crate::ui::widgets::latent_slot::drag_latent;

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
pub struct PictureTab {
    drop: DropState,
    photo: Photo,
    photos: Photos,
    slot: Option<SlotId>,
    path: Option<PathBuf>,
    /// Path and model that were asked for last.
    asked: Option<(PathBuf, String)>,
    seen: Option<Seen>,
    revision: u64,
}

impl PictureTab {
    /// Looks at a picture file.
    pub fn open(&mut self, path: &Path) {
        self.path = Some(path.to_path_buf());
        self.asked = None;
        self.photos.close();
    }

    /// Looks at one picture file, or at several and those in folders.
    pub fn open_all(&mut self, paths: &[PathBuf]) {
        match paths {
            [one] if !one.is_dir() => self.open(one),
            several => self.photos.open(several),
        }
    }

    /// Whether these are pictures and folders of them. A single file is left to the shell, which knows those that the
    /// studio made itself.
    pub fn takes(&self, paths: &[PathBuf]) -> bool {
        let alone = paths.len() == 1 && !paths[0].is_dir();
        !alone && paths.iter().all(|p| p.is_dir() || is_picture(p))
    }

    /// The search for several pictures.
    #[cfg(test)]
    pub fn job_of_photos(&self) -> Option<crate::engine::JobId> {
        self.photos.job()
    }

    /// Takes the encoder's answer in.
    pub fn on_event(&mut self, event: &Event) {
        self.photo.on_event(event);
        self.photos.on_event(event);
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

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, out: &mut Out) {
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
        if self.photos.any() || if vae { there } else { self.path.is_some() } {
            theme::toolbar(ui, |ui| {
                if theme::button(ui, Some(ICON_FILE_OPEN), "Choose pictures…").clicked() {
                    cx.pick(ViewId::Explore, PURPOSE, PickKind::Files, "Choose pictures", &[]);
                }
                if let Some(paths) = path_field(ui, &mut self.drop) {
                    self.open_all(&paths);
                }
            });
        }
        theme::page(ui, "encode", |ui| {
            if self.photos.any() {
                if self.photos.show(ui, cx, info, out) {
                    self.photos.close();
                }
                return;
            }
            let seen = self.seen.as_ref().filter(|s| vae && s.model == info.model);
            if let Some(seen) = seen {
                trio(ui, cx, info, seen, out);
                theme::section(ui, "Look closer");
            }
            if let Some(path) = self.path.clone().filter(|_| !vae || seen.is_some()) {
                self.photo.section(ui, cx, info, &path, out);
                return;
            }
            let title = "Drop a picture, or a folder of them";
            let hint = "See what this model makes of them, and stand at their latents";
            if let Some(paths) = drop_target(ui, cx, ViewId::Explore, &mut self.drop, title, hint) {
                self.open_all(&paths);
            }
        });
    }
}

fn trio(ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, seen: &Seen, out: &mut Out) {
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
                        out.stand = Some(seen.latent.clone());
                        out.whole = true;
                    }
                }
                theme::weak(ui, title);
            });
        }
    });
    ui.add_space(size::S);
    ui.horizontal_wrapped(|ui| {
        if theme::primary_button(ui, Some(ICON_MY_LOCATION), "Stand at its latent").clicked() {
            out.stand = Some(seen.latent.clone());
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
pub(super) fn difference(a: &Picture, b: &Picture) -> (Picture, f64) {
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
