//! Files dropped on the window, chosen or pasted: find out what they are and bring them where they belong.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Align2, Area, Context, CornerRadius, Frame, Id, Margin, Order, RichText, Stroke};

use super::StudioApp;
use crate::base::{Picture, Problem, Result};
use crate::engine::{Command, Inspected};
use crate::ui::action::{Action, Pick, PickKind, ViewMessage};
use crate::ui::theme::{self, size};
use crate::ui::views::ViewId;
use crate::ui::views::explore::provenance;
use crate::{data, export};

/// What was asked about and not answered yet.
#[derive(Debug, Default)]
pub(super) struct Drops {
    /// Paths asked about together.
    asked: usize,
    /// Plain pictures among the answers.
    pictures: Vec<PathBuf>,
    /// Folders of pictures among the answers.
    folders: Vec<PathBuf>,
    /// Archives and other sources that stand alone.
    archives: Vec<String>,
}

/// What was pasted.
enum Pasted {
    Picture(Arc<egui::ColorImage>),
    Paths(Vec<PathBuf>),
}

/// The paths of a text, if it is nothing but whole paths, one a line.
fn paths_in(text: &str) -> Option<Vec<PathBuf>> {
    let whole = |line: &str| {
        let line = line.trim_matches(['"', '\'']);
        let mut letters = line.chars();
        let drive = letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.as_str().starts_with(":\\");
        line.starts_with("file://") || drive || line.starts_with('/') && line.len() > 1
    };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    (!lines.is_empty() && lines.iter().all(|line| whole(line))).then(|| lines.into_iter().map(data::path_of).collect())
}

/// Pasted pictures that are kept.
const PASTED: usize = 16;

/// Writes a pasted picture under a name of its own; the oldest ones go.
fn write_pasted(folder: &Path, image: &egui::ColorImage) -> Result<PathBuf> {
    let rgba = image.pixels.iter().flat_map(|p| p.to_srgba_unmultiplied()).collect();
    let picture = Picture { width: image.size[0] as u32, height: image.size[1] as u32, rgba };
    let now = jiff::Zoned::now().strftime("%Y-%m-%d %H.%M.%S").to_string();
    let path = export::write_new(folder, &format!("Pasted {now}"), "png", &export::png_bytes(&picture, None)?)?;
    // Names are in order of time.
    let ours = |entry: std::io::Result<std::fs::DirEntry>| entry.ok().map(|e| e.path()).filter(|p| p.is_file());
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().filter_map(ours).collect();
    files.sort();
    for old in files.iter().take(files.len().saturating_sub(PASTED)) {
        if let Err(error) = std::fs::remove_file(old) {
            log::warn!("{} could not be removed: {error}", old.display());
        }
    }
    Ok(path)
}

impl StudioApp {
    /// Asks what paths are; the answers come to [`StudioApp::route`].
    pub(super) fn open(&mut self, ctx: &Context, paths: Vec<PathBuf>) {
        if paths.is_empty() {
            return;
        }
        ctx.request_repaint();
        let (built_in, paths): (Vec<PathBuf>, Vec<PathBuf>) =
            paths.into_iter().partition(|p| data::is_built_in(&p.to_string_lossy()));
        self.shell.actions.extend(built_in.into_iter().map(|p| Action::train_on(p.display().to_string())));
        self.drops = Drops { asked: paths.len(), ..Drops::default() };
        for path in paths {
            self.shell.engine.send(Command::Inspect { path });
        }
    }

    /// Files dropped on the window: the view under the pointer may take them first.
    pub(super) fn dropped(&mut self, ctx: &Context) {
        let paths: Vec<PathBuf> = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_path_buf()).collect());
        if paths.is_empty() {
            return;
        }
        let time = ctx.input(|i| i.time);
        let active = self.shell.layout.active();
        if !self.views[active as usize].on_drop(&paths, &mut self.shell.cx(time, false)) {
            self.open(ctx, paths);
        }
        self.apply(ctx);
    }

    /// A picture on the clipboard, or paths of files while no text field wants them, are opened as if they were dropped.
    pub(super) fn pasted(&mut self, ctx: &Context) {
        let free = self.keys_free(ctx);
        let take = |event: &egui::Event| match event {
            egui::Event::PasteImage(image) => Some(Pasted::Picture(image.clone())),
            egui::Event::Paste(text) if free => paths_in(text).map(Pasted::Paths),
            _ => None,
        };
        match ctx.input(|i| i.events.iter().find_map(take)) {
            Some(Pasted::Picture(image)) if !Self::dialog_is_open(ctx) => self.keep_pasted(ctx, image),
            Some(Pasted::Paths(paths)) => self.open(ctx, paths),
            _ => {}
        }
    }

    /// Writes a pasted picture aside, so that it is a file like any other, and opens it.
    fn keep_pasted(&mut self, ctx: &Context, image: Arc<egui::ColorImage>) {
        let (answers, waker, folder) = (self.shell.answers.0.clone(), ctx.clone(), self.shell.pasted.clone());
        let pick = Pick {
            view: self.shell.layout.active(),
            purpose: super::commands::OPEN,
            kind: PickKind::File,
            title: String::new(),
            endings: Vec::new(),
            folder: None,
        };
        let write = move || {
            let written = write_pasted(&folder, &image).map(|path| vec![path]);
            if answers.send((pick, written)).is_ok() {
                waker.request_repaint();
            }
        };
        if let Err(error) = std::thread::Builder::new().name("pasted-picture".into()).spawn(write) {
            let failed = Problem::failed("The pasted picture could not be opened").because(error);
            self.shell.actions.push(Action::Message(failed));
        }
    }

    /// Something went wrong; perhaps a path could not be made out. The others shall not wait for it.
    pub(super) fn one_less(&mut self) {
        if self.drops.asked > 0 {
            self.drops.asked -= 1;
            if self.drops.asked == 0 {
                self.all_answered();
            }
        }
    }

    /// Brings what a path turned out to be where it belongs.
    pub(super) fn route(&mut self, what: Inspected) {
        self.drops.asked = self.drops.asked.saturating_sub(1);
        let actions = &mut self.shell.actions;
        match what {
            Inspected::Source { source, folder: true } => self.drops.folders.push(data::path_of(&source)),
            Inspected::Source { source, folder: false } => self.drops.archives.push(source),
            Inspected::Generated { path, recipe, model } => match model {
                Some(model) => {
                    let from = provenance::of_file(&path);
                    actions.push(Action::open(model, recipe.latent.clone(), recipe.truncation, from));
                }
                None => {
                    let missing = Problem::data("The model that made this picture is not available")
                        .of(recipe.model.clone())
                        .try_this("Import the model, then drop the picture again")
                        .warning();
                    actions.push(Action::Message(missing));
                    actions.push(Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Generated { path, recipe })));
                }
            },
            Inspected::Picture { path } => self.drops.pictures.push(path),
            Inspected::Model { model } => {
                actions.push(Action::Deliver(ViewId::Models, Box::new(ViewMessage::Model(model))));
            }
            Inspected::Run { dir } => actions.push(Action::Deliver(ViewId::Train, Box::new(ViewMessage::Run(dir)))),
        }
        if self.drops.asked == 0 {
            self.all_answered();
        }
    }

    /// One picture goes to the model in use; several, and folders, are one source to train on.
    fn all_answered(&mut self) {
        let Drops { pictures, folders, archives, .. } = std::mem::take(&mut self.drops);
        let actions = &mut self.shell.actions;
        match (folders.as_slice(), pictures.as_slice(), archives.as_slice()) {
            ([], [], []) => {}
            ([], [one], []) => self.picture_arrived(one),
            ([], [], [archive]) => actions.push(Action::train_on(archive.clone())),
            (_, _, []) => actions.push(Action::train_on(data::joined(&[folders, pictures].concat()))),
            (_, _, [archive, ..]) => {
                let alone = Problem::usage("An archive is opened on its own; the other files were ignored")
                    .of(archive.clone())
                    .try_this("Unpack it to train on all of them together")
                    .warning();
                actions.push(Action::Message(alone));
                actions.push(Action::train_on(archive.clone()));
            }
        }
    }

    fn picture_arrived(&mut self, picture: &Path) {
        let actions = &mut self.shell.actions;
        let chosen =
            self.shell.studio.selected_model().or_else(|| self.shell.studio.models.iter().find(|m| m.has_latents()));
        let model = chosen.map(|m| m.model.clone());
        match model {
            Some(model) => {
                actions.push(Action::SelectModel(Some(model)));
                actions.push(Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Picture(picture.into()))));
            }
            None => actions.push(Action::Message(
                Problem::usage("There is no model yet that could use this picture")
                    .of(picture.display().to_string())
                    .try_this("Train one first, or drop the whole folder to train on it")
                    .info(),
            )),
        }
    }

    /// While files are held over the window, says what letting go does.
    pub(super) fn drop_hint(&self, ctx: &Context) {
        if ctx.input(|i| i.raw.hovered_files.is_empty()) {
            return;
        }
        let t = theme::tokens_of(ctx);
        let frame = Frame::new()
            .fill(t.raised)
            .stroke(Stroke::new(1.0, t.accent))
            .corner_radius(CornerRadius::same(size::RADIUS_CARD))
            .inner_margin(Margin::symmetric(size::L as i8, size::M as i8));
        let what = "Drop to open: pictures, a folder, a zip or tar, a model, a run, or a picture the studio made";
        Area::new(Id::unique("drop-hint"))
            .order(Order::Tooltip)
            .anchor(Align2::CENTER_BOTTOM, egui::vec2(0.0, -72.0))
            .interactable(false)
            .show(ctx, |ui| frame.show(ui, |ui| ui.label(RichText::new(what).color(t.text))));
    }
}
