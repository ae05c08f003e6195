//! The one place where what views want comes true.

use std::path::{Path, PathBuf};

use egui::{ColorImage, Context};

use super::StudioApp;
use crate::base::{Problem, Result};
use crate::engine::Command;
use crate::ui::action::{Action, ViewMessage};
use crate::ui::format;
use crate::ui::layout::Split;
use crate::ui::views::ViewId;

/// Actions may lead to actions, but not for ever.
const ROUNDS: usize = 16;

impl StudioApp {
    /// Applies everything that was asked for.
    pub(super) fn apply(&mut self, ctx: &Context) {
        for _ in 0..ROUNDS {
            let actions = std::mem::take(&mut self.shell.actions);
            if actions.is_empty() {
                return;
            }
            ctx.request_repaint();
            for action in actions {
                self.apply_one(ctx, action);
            }
        }
    }

    fn apply_one(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::Engine(command) => {
                if let Command::OpenModel { model } = &*command {
                    self.shell.studio.selection.model = Some(model.clone());
                }
                if let Command::ResumeRun { dir, .. } = &*command
                    && let Some(run) = self.shell.studio.runs.iter().find(|r| r.dir == *dir)
                {
                    self.shell.toasts.settle(&run.name);
                }
                self.shell.engine.send(*command);
            }
            Action::Ui(command) => self.command(ctx, command),
            Action::Go(view) => self.shell.layout.show(view),
            Action::Beside(view) => self.shell.layout.split(Split::Right, Some(view)),
            Action::SelectRun(run) => self.shell.studio.selection.run = run,
            Action::SelectModel(model) => self.shell.studio.selection.model = model,
            Action::Message(problem) => self.tell(ctx, problem),
            Action::Pick(mut pick) => {
                let last = self.shell.studio.settings.dialog_folders.get(pick.purpose).cloned();
                pick.folder = pick.folder.or(last);
                let (answers, waker, asked) = (self.shell.answers.0.clone(), ctx.clone(), pick.clone());
                let answer = move |chosen: Result<Vec<PathBuf>>| {
                    if answers.try_send((asked, chosen)).is_ok() {
                        waker.request_repaint();
                    }
                };
                self.shell.picker.open(&pick, Box::new(answer));
            }
            Action::CopyText(text) => {
                let what = copied(&text);
                ctx.copy_text(text);
                self.tell_quietly(ctx, &what);
            }
            Action::CopyPicture(picture) => {
                let size = [picture.width as usize, picture.height as usize];
                if picture.rgba.len() == size[0] * size[1] * 4 && !picture.rgba.is_empty() {
                    ctx.copy_image(ColorImage::from_rgba_unmultiplied(size, &picture.rgba));
                    self.tell_quietly(ctx, &format!("Copied the picture ({} × {} px)", size[0], size[1]));
                }
            }
            Action::Deliver(view, parcel) => self.deliver(ctx, view, &parcel, true),
            Action::DeliverQuietly(view, parcel) => self.deliver(ctx, view, &parcel, false),
            Action::Open(paths) => self.open(ctx, paths),
            Action::Undo(point) => self.shell.undo.push(point),
            Action::Gate(wish) => self.wish = Some(wish),
            Action::Settings(settings) => {
                if settings.keep_awake != self.shell.studio.settings.keep_awake {
                    self.shell.engine.send(Command::KeepAwake(settings.keep_awake));
                }
                if settings.networks != self.shell.studio.settings.networks {
                    self.shell.engine.send(Command::UseNetworks(settings.networks));
                }
                self.shell.studio.settings = *settings;
                self.shell.choose_where_to_explore();
            }
            Action::Cancel(job) => self.shell.engine.send(Command::Cancel { job }),
            Action::Reveal(path) => reveal(&path),
            Action::OpenFile(path) => desktop(std::process::Command::new(OPENER), &path),
        }
    }

    /// Hands something to a view, and shows it if `show`.
    pub(super) fn deliver(&mut self, ctx: &Context, view: ViewId, parcel: &ViewMessage, show: bool) {
        let time = ctx.input(|i| i.time);
        match parcel {
            ViewMessage::Explore { model, .. } | ViewMessage::Compare { model, .. } | ViewMessage::Model(model) => {
                self.shell.studio.selection.model = Some(model.clone());
            }
            ViewMessage::Run(dir) => self.shell.studio.selection.run = Some(dir.clone()),
            _ => {}
        }
        if show {
            self.shell.layout.show(view);
        }
        self.views[view as usize].receive(parcel, &mut self.shell.cx(time, false));
    }

    /// A message that stays in the list, shown now.
    pub(super) fn tell(&mut self, ctx: &Context, problem: Problem) {
        let time = ctx.input(|i| i.time);
        let id = self.shell.studio.say(None, problem);
        if let Some(said) = self.shell.studio.messages.last() {
            self.shell.toasts.add(said.problem.clone(), Some(id), time);
        }
    }

    /// A word that something was done; not worth a line in the list.
    pub(super) fn tell_quietly(&mut self, ctx: &Context, what: &str) {
        let time = ctx.input(|i| i.time);
        self.shell.toasts.add(Problem::usage(what).info(), None, time);
    }
}

/// What is said of text that was copied: the text itself if it is short, else how much of it there is.
fn copied(text: &str) -> String {
    match text.trim().lines().count() {
        0 | 1 => format!("Copied “{}”", format::shortened(text.trim(), 60)),
        lines => format!("Copied {}", format::plural(lines as u64, "line", "lines")),
    }
}

/// The program that opens whatever it is given as the desktop does.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else if cfg!(target_os = "windows") {
    "explorer"
} else {
    "xdg-open"
};

/// Shows a file or folder in the desktop's file manager: the file itself where that can be asked for, else its folder.
fn reveal(path: &Path) {
    let mut command = std::process::Command::new(OPENER);
    if path.is_dir() || cfg!(not(any(target_os = "macos", target_os = "windows"))) {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        return desktop(command, folder);
    }
    command.arg(if cfg!(target_os = "macos") { "-R" } else { "/select," });
    desktop(command, path);
}

/// Runs a program of the desktop on a path.
fn desktop(mut command: std::process::Command, path: &Path) {
    command.arg(path).stdin(std::process::Stdio::null());
    // Waited for aside, so that no dead process is left behind.
    let waiting = std::thread::Builder::new().name("file-manager".into()).spawn(move || {
        if let Err(error) = command.status() {
            log::warn!("the desktop's file manager could not be opened: {error}");
        }
    });
    drop(waiting);
}
