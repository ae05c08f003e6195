//! Several pictures from elsewhere put into a model, one after the other: each with what the model makes of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Sense, Ui, Vec2, vec2};
use egui_material_icons::icons::{ICON_CLOSE, ICON_IOS_SHARE, ICON_SEARCH, ICON_STAR};

use crate::base::Picture;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::page::{Page, PageActions, PageCx};
use crate::ui::views::explore::tabs::photo_search::How;
use crate::ui::widgets::drop_target::{DropState, drop_target};
use crate::ui::widgets::latent_slot::drag_latent;

/// Points a side.
const SIDE: f32 = 72.0;

/// What was found for a file.
struct Found {
    latent: Latent,
    pictures: [Arc<Picture>; 2],
    psnr: f64,
    guess: Option<f64>,
    outside: bool,
    revision: u64,
}

/// The files, and what is known of them.
#[derive(Default)]
pub struct PhotoFolder {
    drop: DropState,
    /// Files and folders as they were given.
    inputs: Vec<PathBuf>,
    /// Files, as far as they are known.
    files: Vec<PathBuf>,
    found: Vec<Option<Found>>,
    model: Option<ModelRef>,
    wish: How,
    job: Option<JobId>,
    revision: u64,
}

impl Page for PhotoFolder {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, out, .. }: PageCx<'_, '_>) {
        if self.any() {
            theme::page(ui, "folder", |ui| {
                if self.show(ui, cx, info, out) {
                    self.close();
                }
            });
            return;
        }
        theme::page(ui, "folder", |ui| {
            let hint = "Each is put into the model; what it makes of all of them is listed here";
            let title = "Drop a folder of photos, or several";
            if let Some(paths) = drop_target(ui, cx, ViewId::Explore, &mut self.drop, title, hint) {
                self.open(&paths);
            }
        });
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, _cx: &mut Cx<'_>) {
        let Event::Latent(event) = event else { return };
        match event {
            LatentEvent::InvertFiles { job, files } if Some(*job) == self.job => {
                self.files.clone_from(files);
                self.found.clear();
                self.found.resize_with(files.len(), || None);
            }
            LatentEvent::Inverted { job, index, found, .. } if Some(*job) == self.job => {
                self.revision += 1;
                if let Some(slot) = self.found.get_mut(*index) {
                    *slot = Some(Found {
                        latent: found.latent.clone(),
                        pictures: [&found.input, &found.picture].map(|p| Arc::new(p.clone())),
                        psnr: found.psnr,
                        guess: found.guess.as_ref().map(|g| g.1),
                        outside: found.outside == Some(true),
                        revision: self.revision,
                    });
                }
            }
            _ => {}
        }
    }

    fn on_drop(&mut self, paths: &[PathBuf], _info: &ModelInfo, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        let takes = several(paths);
        if takes {
            self.open(paths);
        }
        takes
    }

    fn take_files(&mut self, paths: &[PathBuf]) -> bool {
        self.open(paths);
        true
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some("Found for a photo of yours".into())
    }
}

impl PhotoFolder {
    /// Takes files and folders; their latents are looked for as soon as they are drawn.
    fn open(&mut self, paths: &[PathBuf]) {
        let drop = std::mem::take(&mut self.drop);
        let (wish, revision) = (self.wish.clone(), self.revision + 1);
        *self = Self { drop, inputs: paths.to_vec(), wish, revision, ..Self::default() };
    }

    /// Whether there are any.
    fn any(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// The search that is on or was the last.
    #[cfg(test)]
    pub fn job(&self) -> Option<JobId> {
        self.job
    }

    /// Forgets them.
    fn close(&mut self) {
        self.open(&[]);
    }

    /// Draws them. True when they are to be closed.
    fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, out: &mut PageActions) -> bool {
        if self.model.as_ref() != Some(&info.model) {
            self.model = Some(info.model.clone());
            self.search(info, cx);
        }
        let mut close = false;
        let done: Vec<&Found> = self.found.iter().flatten().collect();
        let latents: Vec<Latent> = done.iter().map(|f| f.latent.clone()).collect();
        let mean = done.iter().map(|f| f.psnr).sum::<f64>() / done.len().max(1) as f64;
        let told =
            (!done.is_empty()).then(|| format!("{} of {}, {mean:.1} dB on average", done.len(), self.files.len()));
        ui.horizontal_wrapped(|ui| {
            theme::title(ui, &format!("{} pictures", self.files.len()));
            if job_progress::shown(ui, cx, self.job, 200.0, "Looking for their latents", "Cancel the search")
                == Doing::Nothing
            {
                if theme::button(ui, Some(ICON_SEARCH), "Search again").clicked() {
                    self.search(info, cx);
                }
                self.wish.fields(ui, info);
            }
            if !latents.is_empty() {
                if theme::button(ui, Some(ICON_STAR), "Keep all").clicked() {
                    out.keep.clone_from(&latents);
                }
                if theme::button(ui, Some(ICON_IOS_SHARE), "Export all…").clicked() {
                    out.export = Some((latents.clone(), "inversion", 0, None));
                }
            }
            close = theme::quiet_button(ui, Some(ICON_CLOSE), "Close").clicked();
            if let Some(told) = &told {
                theme::weak(ui, told.as_str());
            }
        });
        ui.add_space(size::S);
        self.cells(ui, cx, info, out);
        close
    }

    fn search(&mut self, info: &ModelInfo, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        let (model, inputs) = (info.model.clone(), self.inputs.clone());
        let wish = self.wish.wish(info, self.wish.steps.max(1));
        cx.send(Command::Latent(LatentCommand::Invert { job, model, inputs, wish }));
        self.job = Some(job);
        self.found.iter_mut().for_each(|f| *f = None);
    }

    fn cells(&self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, out: &mut PageActions) {
        let ctx = ui.ctx().clone();
        let cell = vec2(2.0 * SIDE + size::XS, SIDE + 38.0);
        let searching = job_progress::is_on(self.job, cx);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(size::S);
            for (i, (file, found)) in self.files.iter().zip(&self.found).enumerate() {
                let (rect, _) = ui.allocate_exact_size(cell, Sense::hover());
                if !ui.is_rect_visible(rect) {
                    continue;
                }
                let down = egui::Layout::top_down(egui::Align::Min);
                let cell_of = egui::UiBuilder::new().max_rect(rect).layout(down).id_salt(("photo cell", i));
                let mut ui = ui.new_child(cell_of);
                ui.spacing_mut().item_spacing.y = 2.0;
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let named = |ui: &mut Ui| {
                    let text = egui::RichText::new(&name).size(size::SMALL);
                    ui.add(egui::Label::new(text).truncate()).on_hover_text(file.display().to_string());
                };
                let Some(found) = found else {
                    theme::skeleton(&mut ui, vec2(cell.x, SIDE));
                    named(&mut ui);
                    if !searching {
                        theme::toned(&mut ui, Tone::Warn, "Not found").on_hover_text(
                            "It could not be read (the log says why), or the search was cancelled before it",
                        );
                    }
                    continue;
                };
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = size::XS;
                    for (which, picture) in found.pictures.iter().enumerate() {
                        let tex = cx.textures.get(&ctx, key(("photos", i, which)), found.revision, picture);
                        let made = which == 1;
                        let sense = if made { Sense::click_and_drag() } else { Sense::hover() };
                        let label = if made { format!("{name} as the model makes it") } else { name.clone() };
                        let response = textures::picture(ui, &tex, Vec2::splat(SIDE), sense, &label);
                        if made {
                            drag_latent(&response, &info.model, &found.latent, 1.0, Some(picture));
                            if response.clicked() {
                                out.open = Some(found.latent.clone());
                                out.whole = true;
                                out.label = Some("open a photo of one's own");
                            }
                        }
                    }
                });
                named(&mut ui);
                let guess = found.guess.map_or(String::new(), |g| format!("{g:.1} dB by the encoder alone"));
                if found.outside {
                    let text = format!("{:.1} dB, outside", found.psnr);
                    let help = format!("It lies outside of what the model knows. {guess}");
                    theme::toned(&mut ui, Tone::Warn, text).on_hover_text(help);
                } else {
                    theme::weak(&mut ui, format!("{:.1} dB", found.psnr)).on_hover_text(guess);
                }
            }
        });
    }
}

/// Whether these are pictures and folders of them. A single file is left to the window, which knows those that the
/// studio made itself.
pub fn several(paths: &[PathBuf]) -> bool {
    let alone = paths.len() == 1 && !paths[0].is_dir();
    !alone && paths.iter().all(|p| p.is_dir() || is_picture(p))
}

/// Whether this is the name of a picture file that can be read.
fn is_picture(path: &Path) -> bool {
    image::ImageFormat::from_path(path).is_ok_and(|f| f.reading_enabled())
}
