//! Choosing how pictures leave: format, scale, file names, folder; then watching them being written.

use std::path::PathBuf;

use egui::{ComboBox, Frame, Id, Modal, RichText, TextEdit, Ui};
use egui_material_icons::icons::{ICON_CHECK_CIRCLE, ICON_FOLDER_OPEN, ICON_IOS_SHARE};

use crate::base::{Channels, Shape};
use crate::engine::{Command, ExportOptions, JobId, LatentCommand};
use crate::export::names::{file_name, sanitised, today};
use crate::export::png::{check_size, most_bytes};
use crate::export::sheet::{self, TRIANGLE};
use crate::export::{EXPORTERS, Exporter, Makes};
use crate::latent::film::Timeline;
use crate::models::info::ModelRef;
use crate::recipe::picture::Latent;
use crate::ui::action::{Action, PickKind};
use crate::ui::format;
use crate::ui::state::Job;
use crate::ui::theme::{self, size};
use crate::ui::views::{Cx, ViewId};

/// Pictures from which on it is said how much room they take.
const MANY: usize = 500;
/// Purpose of the folder dialog.
pub const PURPOSE_FOLDER: &str = "export folder";
/// Purpose of the file dialog.
pub const PURPOSE_FILE: &str = "export file";

/// What is to be exported.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// Pictures that a model makes.
    Latents {
        /// The model.
        model: ModelRef,
        /// One picture each.
        latents: Vec<Latent>,
        /// Truncation or temperature.
        truncation: f32,
        /// What made them: `sample`, `grid`, `walk`, `reconstruction`.
        made_by: &'static str,
        /// Columns they lie in on the screen; 0 for any.
        columns: u32,
    },
    /// Pictures of two models.
    Both {
        /// The models.
        models: [ModelRef; 2],
        /// Latents of each, as many.
        latents: [Vec<Latent>; 2],
        /// Truncation or temperature.
        truncation: f32,
        /// Whether sheets lie beside each other; else strips one above the other.
        beside: bool,
    },
    /// Kept pictures.
    Items(Vec<i64>),
    /// A film with keys.
    Film {
        /// The model.
        model: ModelRef,
        /// All that is said of it.
        timeline: Box<Timeline>,
    },
}

impl Subject {
    fn count(&self) -> usize {
        match self {
            Self::Latents { latents, .. } => latents.len(),
            Self::Both { latents, .. } => 2 * latents[0].len(),
            Self::Items(ids) => ids.len(),
            Self::Film { timeline, .. } => (timeline.seconds * 30.0) as usize,
        }
    }

    /// What the title calls it.
    fn title(&self) -> String {
        match self {
            Self::Film { timeline, .. } => format!("Render a film of {:.1} s", timeline.seconds),
            _ => format!("Export {}", format::plural(self.count() as u64, "picture", "pictures")),
        }
    }

    /// Whether a format is for it.
    fn takes(&self, format: &Exporter) -> bool {
        match self {
            Self::Film { .. } => format.makes == Makes::Film,
            _ => self.count() > 1 || format.makes == Makes::Pictures,
        }
    }
}

enum Stage {
    Choosing,
    Writing(JobId),
}

struct Open {
    subject: Subject,
    /// Name, size and seed of the first picture, for the examples.
    name: String,
    pixels: u32,
    options: ExportOptions,
    stage: Stage,
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
    pub fn begin(&mut self, subject: Subject, name: &str, pixels: u32, format: Option<&str>, settings: &ExportOptions) {
        if subject.count() == 0 {
            return;
        }
        let mut options = settings.clone();
        let proposal = format.map(str::to_string).unwrap_or_else(|| {
            // A film makes no sense of one picture.
            if subject.count() == 1 { "png".into() } else { options.format.clone() }
        });
        options.format = proposal;
        if let Subject::Latents { columns, .. } = &subject {
            options.columns = *columns;
        }
        self.open = Some(Open { subject, name: name.into(), pixels, options, stage: Stage::Choosing });
    }

    /// Takes the answer of the dialogs it opened. True if it was for it.
    pub fn picked(&mut self, purpose: &str, paths: &[PathBuf]) -> bool {
        if purpose != PURPOSE_FOLDER && purpose != PURPOSE_FILE {
            return false;
        }
        if let (Some(open), Some(path)) = (&mut self.open, paths.first()) {
            open.options.out.clone_from(path);
        }
        true
    }

    /// Draws it if it is open.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, view: ViewId) {
        let Some(open) = &mut self.open else { return };
        let mut close = false;
        let frame = Frame::popup(ui.style()).inner_margin(size::L);
        let modal = Modal::new(Id::unique(("export", view))).frame(frame).show(ui.ctx(), |ui| {
            ui.set_width(420.0);
            theme::title(ui, &open.subject.title());
            close = match open.stage {
                Stage::Choosing => choosing(ui, open, cx, view),
                Stage::Writing(job) => writing(ui, job, cx),
            };
        });
        if close || modal.should_close() && matches!(open.stage, Stage::Choosing) {
            self.open = None;
        }
    }
}

fn format_of(id: &str) -> &'static Exporter {
    EXPORTERS.iter().find(|f| f.id == id).unwrap_or(&EXPORTERS[0])
}

/// Ending of the one file it writes; none for those that fill a folder.
fn ending(format: &Exporter) -> Option<&'static str> {
    (format.makes != Makes::Pictures && !format.extension.is_empty()).then_some(format.extension)
}

fn choosing(ui: &mut Ui, open: &mut Open, cx: &mut Cx<'_>, view: ViewId) -> bool {
    let o = &mut open.options;
    ui.add_space(size::XS);
    let before = ending(format_of(&o.format));
    row(ui, "Format", |ui| {
        let shown = format_of(&o.format);
        let combo = ComboBox::from_id_salt("format").selected_text(shown.title).width(220.0).show_ui(ui, |ui| {
            for f in EXPORTERS.iter().filter(|f| open.subject.takes(f)) {
                ui.selectable_value(&mut o.format, f.id.to_string(), f.title).on_hover_text(f.help);
            }
        });
        combo.response.accessible_name("Format");
    });
    let chosen = format_of(&o.format);
    note(ui, chosen.help);
    let file = ending(chosen);
    if file != before {
        // A folder is no file and the other way round.
        o.out = PathBuf::new();
    }
    row(ui, "Scale", |ui| {
        ui.add(egui::Slider::new(&mut o.scale, 1..=16).prefix("×")).accessible_name("Scale");
        theme::weak(ui, format!("{0} × {0} px", open.pixels * o.scale));
    });
    if o.scale > 1 {
        row(ui, "Enlarge by", |ui| {
            let options = [("nearest".to_string(), "Sharp pixels"), ("lanczos".to_string(), "Smooth")];
            theme::segmented(ui, "Enlarge by", &mut o.filter, &options);
        });
    }
    if chosen.makes == Makes::Film && chosen.id != "frames" {
        row(ui, "Speed", |ui| {
            ui.add(egui::Slider::new(&mut o.fps, 1..=60).suffix(" fps")).accessible_name("Frames a second");
            let seconds = match &open.subject {
                Subject::Film { timeline, .. } => timeline.seconds,
                Subject::Both { latents, .. } => latents[0].len() as f64 / f64::from(o.fps.max(1)),
                subject => subject.count() as f64 / f64::from(o.fps.max(1)),
            };
            theme::weak(ui, format!("{seconds:.1} s"));
        });
    }
    if chosen.makes == Makes::Sheet
        && let Subject::Both { beside, .. } = &mut open.subject
    {
        row(ui, "Models", |ui| {
            theme::segmented(ui, "Models", beside, &[(true, "Side by side"), (false, "One above the other")]);
        });
    } else if chosen.makes == Makes::Sheet {
        row(ui, "Columns", |ui| {
            if o.columns == TRIANGLE {
                theme::weak(ui, "a triangle");
                return;
            }
            let most = open.subject.count().max(1) as u32;
            ui.add(egui::Slider::new(&mut o.columns, 0..=most.min(64))).accessible_name("Columns");
            if o.columns == 0 {
                theme::weak(ui, "nearly square");
            }
        });
    }
    if chosen.makes == Makes::Pictures {
        row(ui, "File names", |ui| {
            ui.add(TextEdit::singleline(&mut o.pattern).desired_width(220.0))
                .accessible_name("File name pattern")
                .on_hover_text("{model}, {seed}, {n} and {date} are filled in");
        });
        let seed = match &open.subject {
            Subject::Latents { latents, .. } => latents.first().and_then(Latent::seed),
            Subject::Both { latents, .. } => latents[0].first().and_then(Latent::seed),
            Subject::Items(_) | Subject::Film { .. } => Some(7),
        };
        note(ui, &format!("For example {}.png", file_name(&o.pattern, &open.name, seed, 1, &today())));
    }
    room(ui, &open.subject, open.pixels, o, chosen, cx);
    row(ui, "Recipe", |ui| {
        ui.checkbox(&mut o.recipe, "Inside the file").on_hover_text(
            "Model, latent and settings travel with the picture, so that the studio can make it again, \
             with the mark for pictures made by a trained model",
        );
    });
    row(ui, if file.is_some() { "File" } else { "Folder" }, |ui| {
        let label = if file.is_some() { "Choose file…" } else { "Choose folder…" };
        if theme::button(ui, Some(ICON_FOLDER_OPEN), label).clicked() {
            match file {
                Some(ending) => {
                    let name = format!("{}-{}.{ending}", sanitised(&open.name), chosen.id);
                    cx.pick(view, PURPOSE_FILE, PickKind::Save(name), "Export to", &[(chosen.title, &[ending])]);
                }
                None => cx.pick(view, PURPOSE_FOLDER, PickKind::Folder, "Export to", &[]),
            }
        }
    });
    row(ui, "", |ui| {
        let mut text = o.out.display().to_string();
        let field = TextEdit::singleline(&mut text).hint_text("or paste a path").desired_width(280.0);
        if ui.add(field).accessible_name("Export path").changed() {
            o.out = crate::data::path_of(&text);
        }
    });
    ui.add_space(size::S);
    let (mut close, mut go) = (false, false);
    buttons(ui, |ui| {
        let ready = !o.out.as_os_str().is_empty();
        let button = ui.add_enabled_ui(ready, |ui| theme::primary_button(ui, Some(ICON_IOS_SHARE), "Export")).inner;
        go = button.on_disabled_hover_text("Choose where to first").clicked();
        close = theme::button(ui, None, "Cancel").clicked();
    });
    if go {
        start(open, cx);
    }
    close
}

/// What many pictures take, or that they are too many for one file.
fn room(ui: &mut Ui, subject: &Subject, pixels: u32, o: &ExportOptions, format: &Exporter, cx: &Cx<'_>) {
    let n = subject.count();
    match format.makes {
        Makes::Pictures if n > MANY => {
            let shape = Shape { resolution: pixels, channels: Channels::Rgba };
            let bytes = n as u64 * most_bytes(shape, o.scale, o.recipe);
            let text = format!("Up to {} in {} files", format::bytes(bytes), format::count(n as u64));
            let free = cx.studio.space.runs;
            if free.is_some_and(|free| bytes > free) {
                let free = format::bytes(free.unwrap_or_default());
                theme::toned(ui, theme::Tone::Warn, format!("{text}; {free} are free in the studio's folder"));
            } else {
                note(ui, &text);
            }
        }
        Makes::Sheet if o.columns != TRIANGLE => {
            let columns = match subject {
                Subject::Both { beside: true, .. } => 2 * sheet::square(n / 2),
                Subject::Both { .. } => n / 2,
                _ => o.columns as usize,
            };
            let (w, h) = sheet::room(n, columns, (pixels, pixels), o.scale);
            let text = format!("{} × {} px", format::count(w), format::count(h));
            if check_size(w, h).is_err() {
                let help = "too large for one file: choose a smaller scale, more columns, or PNG pictures";
                theme::toned(ui, theme::Tone::Warn, format!("{text} is {help}"));
            } else {
                note(ui, &text);
            }
        }
        _ => {}
    }
}

fn start(open: &mut Open, cx: &mut Cx<'_>) {
    let job = cx.new_job();
    let mut options = open.options.clone();
    if let Some(ending) = ending(format_of(&options.format))
        && options.out.extension().is_none()
    {
        options.out.set_extension(ending);
    }
    // The choices are kept for next time; where columns come from the screen they are not a choice.
    let mut settings = cx.studio.settings.clone();
    settings.export = ExportOptions { columns: settings.export.columns, ..options.clone() };
    cx.push(Action::Settings(Box::new(settings)));
    cx.send(match open.subject.clone() {
        Subject::Latents { model, latents, truncation, made_by, .. } => {
            Command::Export { job, model, latents, truncation, made_by: made_by.into(), options }
        }
        Subject::Both { models, latents, truncation, beside } => {
            Command::Latent(LatentCommand::ExportBoth { job, models, latents, truncation, beside, options })
        }
        Subject::Items(ids) => Command::ExportItems { job, ids, options },
        Subject::Film { model, timeline } => Command::Latent(LatentCommand::Film { job, model, timeline, options }),
    });
    open.stage = Stage::Writing(job);
}

/// Progress, then the result. True once the dialog may close.
fn writing(ui: &mut Ui, job: JobId, cx: &mut Cx<'_>) -> bool {
    let state = cx.studio.jobs.get(&job);
    ui.add_space(size::S);
    let mut close = false;
    match state {
        Some(job) if job.ended => {
            if let Some(problem) = &job.problem {
                if theme::problem(ui, problem) {
                    cx.push(Action::CopyText(problem.to_string()));
                }
            } else {
                ui.horizontal(|ui| {
                    let t = theme::tokens(ui);
                    theme::icon(ui, ICON_CHECK_CIRCLE, size::ICON, t.good, "Done");
                    ui.label(match job.files.as_slice() {
                        [one] => one.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                        files => format!("{} written", format::plural(files.len() as u64, "file", "files")),
                    });
                });
            }
            ui.add_space(size::S);
            buttons(ui, |ui| {
                close = theme::primary_button(ui, None, "Close").clicked();
                if let Some(first) = job.files.first()
                    && theme::button(ui, Some(ICON_FOLDER_OPEN), "Show in folder").clicked()
                {
                    cx.push(Action::Reveal(first.clone()));
                }
            });
        }
        state => {
            let share = state.and_then(Job::share);
            theme::progress(ui, share, 396.0, "Export");
            if let Some(left) = state.and_then(Job::left_text) {
                theme::weak(ui, left);
            }
            ui.add_space(size::S);
            buttons(ui, |ui| {
                if theme::button(ui, None, "Cancel").clicked() {
                    cx.push(Action::Cancel(job));
                    close = true;
                }
            });
        }
    }
    close
}

/// The buttons at the end, from the right. They take a row's height, not all that is left: a dialog that was taller
/// before, while there was more to choose, gets lower again.
fn buttons(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    ui.allocate_ui_with_layout(egui::vec2(ui.available_width(), size::CONTROL), layout, add);
}

fn row(ui: &mut Ui, label: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_min_height(size::CONTROL);
        let t = theme::tokens(ui);
        ui.scope(|ui| {
            ui.set_width(96.0);
            ui.label(RichText::new(label).color(t.weak));
        });
        add(ui);
    });
}

fn note(ui: &mut Ui, text: &str) {
    row(ui, "", |ui| {
        theme::weak(ui, text);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_picture_is_no_film() {
        let mut dialog = ExportDialog::default();
        let subject = |n: usize| Subject::Items((0..n as i64).collect());
        let settings = ExportOptions { format: "mp4".into(), ..ExportOptions::default() };
        dialog.begin(subject(1), "a", 32, None, &settings);
        assert_eq!(dialog.open.as_ref().unwrap().options.format, "png");
        dialog.begin(subject(2), "a", 32, None, &settings);
        assert_eq!(dialog.open.as_ref().unwrap().options.format, "mp4");
        let mut none = ExportDialog::default();
        none.begin(subject(0), "a", 32, None, &settings);
        assert!(!none.is_open());
    }
}
