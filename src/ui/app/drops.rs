//! Files dropped on the window, chosen or pasted: find out what they are and bring them where they belong.

use std::path::{Path, PathBuf};

use egui::{Align2, Area, Context, CornerRadius, Frame, Id, Margin, Order, RichText, Stroke};

use super::StudioApp;
use crate::base::Problem;
use crate::data;
use crate::engine::{Command, Inspected};
use crate::ui::action::{Action, Parcel};
use crate::ui::theme::{self, size};
use crate::ui::views::ViewId;

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

/// Whether this is the name of a source inside the program rather than a path.
fn is_built_in(path: &std::path::Path) -> bool {
    let text = path.to_string_lossy();
    let name = text.split(':').next().unwrap_or_default();
    matches!(name, "emoji" | "shapes") && !text.contains(['/', '\\'])
}

impl StudioApp {
    /// Asks what paths are; the answers come to [`StudioApp::route`].
    pub(super) fn open(&mut self, ctx: &Context, paths: Vec<PathBuf>) {
        if paths.is_empty() {
            return;
        }
        ctx.request_repaint();
        let (built_in, paths): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(|p| is_built_in(p));
        self.shell.actions.extend(built_in.into_iter().map(|p| Action::train_on(p.display().to_string())));
        self.shell.drops = Drops { asked: paths.len(), ..Drops::default() };
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

    /// Something went wrong; perhaps a path could not be made out. The others shall not wait for it.
    pub(super) fn one_less(&mut self) {
        if self.shell.drops.asked > 0 {
            self.shell.drops.asked -= 1;
            if self.shell.drops.asked == 0 {
                self.all_answered();
            }
        }
    }

    /// Brings what a path turned out to be where it belongs.
    pub(super) fn route(&mut self, what: Inspected) {
        self.shell.drops.asked = self.shell.drops.asked.saturating_sub(1);
        let actions = &mut self.shell.actions;
        match what {
            Inspected::Source { source, folder: true } => self.shell.drops.folders.push(data::path_of(&source)),
            Inspected::Source { source, folder: false } => self.shell.drops.archives.push(source),
            Inspected::Generated { path, recipe, model } => match model {
                Some(model) => actions.push(Action::explore(model, Some(recipe.latent.clone()), recipe.truncation)),
                None => {
                    let missing = Problem::data("The model that made this picture is not here")
                        .of(recipe.model.clone())
                        .try_this("Import the model, then drop the picture again")
                        .warning();
                    actions.push(Action::Message(missing));
                    actions.push(Action::Deliver(ViewId::Explore, Box::new(Parcel::Generated { path, recipe })));
                }
            },
            Inspected::Picture { path } => self.shell.drops.pictures.push(path),
            Inspected::Model { model } => {
                actions.push(Action::Deliver(ViewId::Models, Box::new(Parcel::Model(model))));
            }
            Inspected::Run { dir } => actions.push(Action::Deliver(ViewId::Train, Box::new(Parcel::Run(dir)))),
        }
        if self.shell.drops.asked == 0 {
            self.all_answered();
        }
    }

    /// One picture goes to the model in use; several, and folders, are one source to train on.
    fn all_answered(&mut self) {
        let Drops { pictures, folders, archives, .. } = std::mem::take(&mut self.shell.drops);
        let actions = &mut self.shell.actions;
        match (folders.as_slice(), pictures.as_slice(), archives.as_slice()) {
            ([], [], []) => {}
            ([], [one], []) => self.picture_arrived(one),
            ([], [], [archive]) => actions.push(Action::train_on(archive.clone())),
            (_, _, []) => actions.push(Action::train_on(data::joined(&[folders, pictures].concat()))),
            (_, _, [archive, ..]) => {
                let alone = Problem::usage("An archive is looked through by itself; the rest was left aside")
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
        let chosen = self.shell.studio.selected_model().or_else(|| self.shell.studio.models.first());
        let model = chosen.map(|m| m.model.clone());
        match model {
            Some(model) => {
                actions.push(Action::SelectModel(Some(model)));
                actions.push(Action::Deliver(ViewId::Explore, Box::new(Parcel::Picture(picture.into()))));
            }
            None => actions.push(Action::Message(
                Problem::usage("No model is here that could take this picture in")
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
        let what = "Let go to open: pictures, a folder, a zip, a model, a run, or a picture the studio made";
        Area::new(Id::unique("drop-hint"))
            .order(Order::Tooltip)
            .anchor(Align2::CENTER_BOTTOM, egui::vec2(0.0, -72.0))
            .interactable(false)
            .show(ctx, |ui| frame.show(ui, |ui| ui.label(RichText::new(what).color(t.text))));
    }
}
