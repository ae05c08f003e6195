//! What menu entries and their keys do.

use egui::{Context, ViewportCommand};

use super::StudioApp;
use crate::base::Problem;
use crate::engine::{Command, Control, RunState};
use crate::ui::action::{Action, Pick, PickKind};
use crate::ui::command::UiCommand;
use crate::ui::dialogs;
use crate::ui::gate::Wish;
use crate::ui::layout::Split;
use crate::ui::settings::Pixels;
use crate::ui::shell::Dialog;
use crate::ui::theme::Mode;
use crate::ui::undo::change_of;
use crate::ui::views::ViewId;

/// Purpose of the dialogs of File, Open: the shell takes their answer.
pub const OPEN: &str = "open anything";
/// Purpose of the dialog of File, Import model.
pub const IMPORT: &str = "import a model";

impl StudioApp {
    pub(super) fn command(&mut self, ctx: &Context, command: UiCommand) {
        if !self.shell.enabled(command) {
            return;
        }
        let scale = |app: &mut Self, to: f32| app.shell.studio.settings.scale = (to * 20.0).round() / 20.0;
        let now = self.shell.studio.settings.scale;
        match command {
            UiCommand::OpenFiles => self.open_dialog(OPEN, PickKind::Files, "Open pictures, archives, models or runs"),
            UiCommand::OpenFolder => self.open_dialog(OPEN, PickKind::Folder, "Open a folder of pictures or a run"),
            UiCommand::ImportModel => self.open_dialog(IMPORT, PickKind::Files, "Import checkpoint files"),
            UiCommand::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            UiCommand::Undo | UiCommand::Redo => self.travel(ctx, command == UiCommand::Undo),
            UiCommand::Lock => self.shell.actions.push(Action::Gate(Wish::Lock)),
            UiCommand::Preferences => self.shell.actions.push(Action::Go(ViewId::Settings)),
            UiCommand::Messages => self.shell.actions.push(Action::Go(ViewId::Log)),
            UiCommand::Learn => self.shell.actions.push(Action::Go(ViewId::Learn)),
            UiCommand::Palette => {
                let mut palette = std::mem::take(&mut self.shell.palette);
                palette.toggle(ctx, &self.shell.studio, |c| self.shell.enabled(c));
                self.shell.palette = palette;
            }
            UiCommand::Inspector => self.shell.inspector = !self.shell.inspector,
            UiCommand::Filmstrip => self.shell.filmstrip = !self.shell.filmstrip,
            UiCommand::SplitRight => self.shell.layout.split(Split::Right, None),
            UiCommand::SplitDown => self.shell.layout.split(Split::Down, None),
            UiCommand::ClosePane => self.shell.layout.close_active(),
            UiCommand::NextPane => self.shell.layout.next_pane(),
            UiCommand::ResetLayout => {
                self.shell.layout.reset();
                (self.shell.inspector, self.shell.filmstrip) = (true, true);
                self.shell.inspector_width = crate::ui::theme::size::INSPECTOR;
            }
            UiCommand::Theme => {
                let dark = ctx.global_style().visuals.dark_mode;
                self.shell.studio.settings.theme = if dark { Mode::Light } else { Mode::Dark };
            }
            UiCommand::Pixels => {
                let (pixels, said) = match self.shell.studio.settings.pixels {
                    Pixels::Auto => (Pixels::Sharp, "Sharp pixels"),
                    Pixels::Sharp => (Pixels::Smooth, "Smooth pixels"),
                    Pixels::Smooth => (Pixels::Auto, "Sharp or smooth pixels, by what pictures look like"),
                };
                self.shell.studio.settings.pixels = pixels;
                self.tell_quietly(ctx, said);
            }
            UiCommand::ScaleUp => scale(self, (now + 0.1).min(2.0)),
            UiCommand::ScaleDown => scale(self, (now - 0.1).max(0.75)),
            UiCommand::ScaleReset => scale(self, 1.0),
            UiCommand::Fullscreen => {
                let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(ViewportCommand::Fullscreen(!full));
            }
            UiCommand::Keys => self.shell.dialog = Dialog::Keys,
            UiCommand::About => self.shell.dialog = Dialog::About,
            UiCommand::CopyDiagnostics => {
                let text = dialogs::diagnostics(&self.shell);
                self.shell.actions.push(Action::CopyText(text));
            }
            UiCommand::Export
            | UiCommand::SelectAll
            | UiCommand::Keep
            | UiCommand::Start
            | UiCommand::Pause
            | UiCommand::Step
            | UiCommand::Checkpoint
            | UiCommand::Stop => self.for_view(ctx, command),
        }
    }

    /// Commands whose meaning depends on the view: it is asked first.
    fn for_view(&mut self, ctx: &Context, command: UiCommand) {
        let time = ctx.input(|i| i.time);
        let active = self.shell.layout.active();
        if self.views[active as usize].on_command(command, &mut self.shell.cx(time, true)) {
            return;
        }
        let run = self.shell.run_in_hand().map(|r| (r.dir.clone(), r.state));
        let control = match (command, &run) {
            (UiCommand::Pause, Some((_, RunState::Paused))) => Some(Control::Resume),
            (UiCommand::Pause, _) => Some(Control::Pause),
            (UiCommand::Step, _) => Some(Control::Step),
            (UiCommand::Checkpoint, _) => Some(Control::Checkpoint),
            (UiCommand::Stop, _) => Some(Control::Stop),
            _ => None,
        };
        match (command, control, run) {
            (_, Some(control), Some((dir, _))) => self.shell.engine.send(Command::ControlRun { dir, control }),
            (UiCommand::Start, ..) if active != ViewId::Train => {
                self.shell.layout.show(ViewId::Train);
                self.views[ViewId::Train as usize].on_command(command, &mut self.shell.cx(time, true));
            }
            (UiCommand::Export | UiCommand::Keep, ..) => {
                let nothing = Problem::usage("There is nothing selected to export here")
                    .try_this("Choose pictures in Explore or Gallery first")
                    .info();
                self.shell.actions.push(Action::Message(nothing));
            }
            _ => {}
        }
    }

    fn open_dialog(&mut self, purpose: &'static str, kind: PickKind, title: &str) {
        let (view, title) = (self.shell.layout.active(), title.into());
        let pick = Pick { view, purpose, kind, title, endings: Vec::new(), folder: None };
        self.shell.actions.push(Action::Pick(pick));
    }

    /// Undo (`back`) or redo.
    fn travel(&mut self, ctx: &Context, back: bool) {
        let stacks = &mut self.shell.undo;
        let next = if back { stacks.next_undo() } else { stacks.next_redo() };
        let Some(view) = next.map(|p| p.view) else { return };
        if let Some(change) = next.and_then(change_of) {
            let now = next.map(|p| p.before.clone()).unwrap_or_default();
            let point = if back { stacks.undo(now) } else { stacks.redo(now) };
            let command = if back { Command::UndoChange { change } } else { Command::RedoChange { change } };
            self.shell.engine.send(command);
            if let Some(point) = point.filter(|_| self.shell.layout.active() != ViewId::Gallery) {
                self.tell_quietly(ctx, &format!("{} {}", if back { "Undone:" } else { "Redone:" }, point.label));
            }
            return;
        }
        let now = self.views[view as usize].snapshot();
        let point = if back { stacks.undo(now) } else { stacks.redo(now) };
        if let Some(point) = point {
            let time = ctx.input(|i| i.time);
            self.shell.layout.show(view);
            self.views[view as usize].go_back(&point.before, &mut self.shell.cx(time, false));
        }
    }
}
