//! Choosing how pictures leave: format, size, file names, folder; then watching them being written.
//!
//! A folder and a name are proposed, those of the last export of the same kind. What was chosen stays until the export has
//! succeeded: after a failure the form is there again, with the reason above it.

mod form;
mod outcome;
mod place;
mod subject;

use std::path::PathBuf;

use egui::{Frame, Id, Modal, ScrollArea, Ui};

use crate::base::problem::Kind;
use crate::base::{Problem, Resolution};
use crate::engine::{Command, ExportOptions, JobId, LatentCommand};
use crate::export::{EXPORTERS, Exporter, Makes};
use crate::ui::action::Action;
use crate::ui::settings::{Pixels, Settings};
use crate::ui::theme::{self, size};
use crate::ui::views::{Cx, ViewId};
use place::Places;
pub use subject::Subject;

/// Purpose of the folder dialog.
pub const PURPOSE_FOLDER: &str = "export folder";
/// Width of the dialog, in points.
const WIDTH: f32 = 440.0;
/// Pixels across that a film is at least proposed with.
const FILM: u32 = 512;

enum Stage {
    Choosing,
    Writing(JobId),
}

struct Open {
    subject: Subject,
    /// Name and size of the model, for the examples.
    name: String,
    pixels: Resolution,
    options: ExportOptions,
    /// The format is given by what asked; else the one used last is proposed.
    given: bool,
    /// Where each kind of export goes; filled when the dialog is first drawn.
    places: Option<Places>,
    stage: Stage,
    /// Why the last try failed.
    problem: Option<Problem>,
}

/// The dialog. One a view; draw it last.
#[derive(Default)]
pub struct ExportDialog {
    open: Option<Open>,
}

impl ExportDialog {
    /// Whether it is on the screen.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Opens it. `name` and `pixels` are those of the model; `format` proposes a row of the table.
    pub fn begin(
        &mut self,
        subject: Subject,
        name: &str,
        pixels: Resolution,
        format: Option<&str>,
        settings: &ExportOptions,
    ) {
        if subject.count() == 0 {
            return;
        }
        let mut options = settings.clone();
        options.format = format.map(str::to_string).unwrap_or_else(|| {
            // A film makes no sense of one picture.
            if subject.count() == 1 { "png".into() } else { options.format.clone() }
        });
        if let Subject::Latents { columns, .. } = &subject {
            options.columns = *columns;
        }
        self.open = Some(Open {
            subject,
            name: name.into(),
            pixels,
            options,
            given: format.is_some(),
            places: None,
            stage: Stage::Choosing,
            problem: None,
        });
    }

    /// Takes the answer of the dialog it opened. True if it was for it.
    pub fn picked(&mut self, purpose: &str, paths: &[PathBuf]) -> bool {
        if purpose != PURPOSE_FOLDER {
            return false;
        }
        if let (Some(open), Some(path)) = (&mut self.open, paths.first()) {
            let kind = format_of(&open.options.format).makes;
            if let Some(places) = &mut open.places {
                places.of(kind).folder.clone_from(path);
            }
        }
        true
    }

    /// Draws it if it is open.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, view: ViewId) {
        let Some(open) = &mut self.open else { return };
        open.propose(cx);
        open.follow(cx);
        let mut close = false;
        let frame = Frame::popup(ui.style()).inner_margin(size::L);
        let modal = Modal::new(Id::unique(("export", view))).frame(frame).show(ui.ctx(), |ui| {
            let window = ui.ctx().content_rect();
            ui.set_width(WIDTH.min(window.width() - 4.0 * size::XL));
            let makes = format_of(&open.options.format).makes;
            theme::title(ui, &open.subject.title(makes, open.options.fps));
            close = match open.stage {
                Stage::Choosing => {
                    let room = (window.height() - 160.0).max(160.0);
                    // All the room it needs at once, however low the dialog was before.
                    let area = ScrollArea::vertical().max_height(room).min_scrolled_height(room);
                    area.show(ui, |ui| form::choosing(ui, open, cx, view));
                    open.buttons(ui, cx)
                }
                Stage::Writing(job) => outcome::writing(ui, job, cx),
            };
        });
        if close || modal.should_close() && matches!(open.stage, Stage::Choosing) {
            self.open = None;
        }
    }
}

impl Open {
    /// Fills in what the settings and the pictures say, once.
    fn propose(&mut self, cx: &mut Cx<'_>) {
        if self.places.is_some() {
            return;
        }
        if let Subject::Latents { model, .. } | Subject::Film { model, .. } | Subject::Both { models: [model, _], .. } =
            &self.subject
        {
            cx.pictures_of(model);
        }
        let settings = &cx.studio.settings;
        self.places = Some(Places::proposed(settings, &cx.studio.exports));
        let o = &mut self.options;
        // A film that asks for MP4 gets what films were written as last.
        let kind = format_of(&o.format).makes;
        if self.given
            && let Some(last) = settings.export_formats.get(kind.id())
            && format_of(last).makes == kind
        {
            o.format.clone_from(last);
        }
        let smooth = match settings.enlarge_by {
            Pixels::Auto => cx.textures.is_smooth([self.pixels.width, self.pixels.height]),
            Pixels::Sharp => false,
            Pixels::Smooth => true,
        };
        o.filter = if smooth { "lanczos" } else { "nearest" }.into();
        if kind == Makes::Film && self.pixels.longer() * o.scale < FILM {
            o.scale = FILM.div_ceil(self.pixels.longer().max(1)).clamp(1, form::LARGEST);
        }
    }

    /// Comes back to the form when writing failed or was cancelled.
    fn follow(&mut self, cx: &Cx<'_>) {
        let Stage::Writing(job) = self.stage else { return };
        let Some(problem) = cx.studio.jobs.get(&job).filter(|j| j.ended).and_then(|j| j.problem.clone()) else {
            return;
        };
        self.stage = Stage::Choosing;
        self.problem = Some(problem).filter(|p| p.kind != Kind::Interrupted);
    }

    /// The buttons at the end; true to close.
    fn buttons(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> bool {
        ui.add_space(size::S);
        let (mut close, mut go) = (false, false);
        let kind = format_of(&self.options.format).makes;
        let ready = self.places.as_mut().is_some_and(|p| p.of(kind).is_whole());
        form::buttons(ui, |ui| {
            let icon = egui_material_icons::icons::ICON_IOS_SHARE;
            let button = ui.add_enabled_ui(ready, |ui| theme::primary_button(ui, Some(icon), "Export")).inner;
            go = button.on_disabled_hover_text("Choose a folder and a file name first").clicked();
            close = theme::button(ui, None, "Cancel").clicked();
        });
        if go {
            self.start(cx);
        }
        close
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        let job = cx.new_job();
        let format = format_of(&self.options.format);
        let Some(places) = &mut self.places else { return };
        let place = places.of(format.makes).clone();
        self.problem = None;
        // What was chosen is kept for next time; where columns come from the screen they are not a choice.
        let mut settings = cx.studio.settings.clone();
        let before = settings.export.clone();
        settings.export = ExportOptions {
            columns: before.columns,
            out: before.out,
            filter: before.filter,
            pattern: if format.makes == Makes::Pictures { place.name.clone() } else { before.pattern },
            ..self.options.clone()
        };
        remember(&mut settings, format, &place);
        cx.push(Action::Settings(Box::new(settings)));
        let mut options = self.options.clone();
        options.pattern.clone_from(&place.name);
        options.out = place.out(format, &self.name);
        cx.send(match self.subject.clone() {
            Subject::Latents { model, latents, truncation, made_by, .. } => {
                Command::Export { job, model, latents, truncation, made_by: made_by.into(), options }
            }
            Subject::Both { models, latents, truncation, beside } => {
                Command::Latent(LatentCommand::ExportBoth { job, models, latents, truncation, beside, options })
            }
            Subject::Items(ids) => Command::ExportItems { job, ids, options },
            Subject::Film { model, timeline } => Command::Latent(LatentCommand::Film { job, model, timeline, options }),
        });
        self.stage = Stage::Writing(job);
    }
}

/// Keeps where and as what this kind of export was written.
fn remember(settings: &mut Settings, format: &Exporter, place: &place::Place) {
    let kind = format.makes.id().to_owned();
    settings.export_folders.insert(kind.clone(), place.folder.clone());
    settings.export_names.insert(kind.clone(), place.name.clone());
    settings.export_formats.insert(kind, format.id.to_owned());
}

fn format_of(id: &str) -> &'static Exporter {
    EXPORTERS.iter().find(|f| f.id == id).unwrap_or(&EXPORTERS[0])
}

#[cfg(test)]
mod tests;
