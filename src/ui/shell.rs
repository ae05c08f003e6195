//! Everything of the window but its views: the engine, what is known, the bars, the stacks of Undo and the open dialog.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender};
use egui::{Context, ViewportCommand};

use super::action::{Action, Pick};
use super::command::UiCommand;
use super::file_dialog::FilePicker;
use super::layout::Layout;
use super::palette::Palette;
use super::persistence::Keeper;
use super::state::Studio;
use super::textures::{Subject, Textures};
use super::theme::Mode;
use super::toasts::Toasts;
use super::undo::UndoStacks;
use super::views::{Cx, Ids, ViewId};
use crate::base::Result;
use crate::engine::{Command, Control, Engine, RunState, RunSummary};

/// Which dialog is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Dialog {
    /// None.
    #[default]
    None,
    /// Keys of the active view.
    Keys,
    /// Version, licences, thanks.
    About,
    /// Runs are on and the window shall close.
    Close,
    /// Runs are saving a checkpoint before the window closes.
    Stopping,
}

/// Everything of the window but the views, so that a view can be drawn while it reads the rest.
pub(super) struct Shell {
    pub(super) engine: Box<dyn Engine>,
    pub(super) studio: Studio,
    pub(super) textures: Textures,
    pub(super) ids: Ids,
    pub(super) actions: Vec<Action>,
    pub(super) layout: Layout,
    pub(super) palette: Palette,
    pub(super) toasts: Toasts,
    /// Where primary buttons were in the last frame; messages keep clear of them.
    pub(super) primary: Vec<egui::Rect>,
    pub(super) undo: UndoStacks,
    pub(super) keeper: Option<Keeper>,
    pub(super) dialog: Dialog,
    pub(super) picker: Box<dyn FilePicker>,
    #[allow(clippy::type_complexity)]
    pub(super) answers: (Sender<(Pick, Result<Vec<PathBuf>>)>, Receiver<(Pick, Result<Vec<PathBuf>>)>),
    pub(super) inspector: bool,
    pub(super) filmstrip: bool,
    pub(super) inspector_width: f32,
    /// Size of the window while it does not fill the screen.
    pub(super) window: Option<[f32; 2]>,
    pub(super) maximized: bool,
    /// Where pasted pictures are written.
    pub(super) pasted: PathBuf,
    /// What the last frame was dressed in.
    pub(super) dressed: Option<(Mode, bool, f32)>,
    /// Views of the last frame.
    pub(super) shown: Vec<ViewId>,
    pub(super) begun: bool,
    pub(super) leaving: bool,
    pub(super) still: bool,
    pub(super) keep_at: f64,
    /// The device that models are explored on, as the engine was told last.
    pub(super) exploring_on: String,
    /// When room on the disk is asked for again.
    pub(super) room_at: f64,
    /// What is waited for before the window closes by itself.
    pub(super) until_picture: bool,
    /// A model's picture has arrived.
    pub(super) pictured: bool,
    /// Milliseconds of processor time of the last frames.
    pub(super) frame_ms: std::collections::VecDeque<f32>,
}

impl Shell {
    /// What a view is given while it is drawn or told something.
    pub(super) fn cx(&mut self, time: f64, keys_free: bool) -> Cx<'_> {
        // What one view said its pictures are of holds for no other one.
        self.textures.of(Subject::new((), None));
        Cx {
            studio: &self.studio,
            actions: &mut self.actions,
            textures: &mut self.textures,
            ids: &mut self.ids,
            active: self.layout.active(),
            keys_free,
            time,
            still: self.still,
        }
    }

    /// Tells the engine where to explore, if that is not what it does: the device of the settings once it is known to be
    /// usable, otherwise the CPU.
    pub(super) fn choose_where_to_explore(&mut self) {
        let wanted = self.studio.devices.iter().find(|d| d.id == self.studio.settings.explore && d.usable);
        let device = wanted.map_or_else(|| "cpu".to_owned(), |d| d.id.clone());
        if device != self.exploring_on {
            self.exploring_on.clone_from(&device);
            self.engine.send(Command::ExploreOn { device });
        }
    }

    /// Bytes this process holds, as measured last.
    pub(super) fn memory(&self) -> u64 {
        if self.still { 0 } else { self.keeper.as_ref().map_or(0, Keeper::memory) }
    }

    /// The run that the Run menu means.
    pub(super) fn run_in_hand(&self) -> Option<&RunSummary> {
        self.studio.alive_run().or_else(|| self.studio.selected_run())
    }

    /// Whether a command can do something now.
    pub(super) fn enabled(&self, command: UiCommand) -> bool {
        let state = self.run_in_hand().map(|r| r.state);
        match command {
            UiCommand::Lock => self.studio.encrypted,
            UiCommand::Undo => self.undo.next_undo().is_some(),
            UiCommand::Redo => self.undo.next_redo().is_some(),
            UiCommand::Pause => matches!(state, Some(RunState::Training | RunState::Paused)),
            UiCommand::Step => state == Some(RunState::Paused),
            UiCommand::Checkpoint | UiCommand::Stop => state.is_some_and(RunState::is_alive),
            UiCommand::ClosePane | UiCommand::NextPane => self.layout.views().len() > 1,
            _ => true,
        }
    }

    /// The text of a menu entry as things stand.
    pub(super) fn text_now(&self, command: UiCommand) -> String {
        let paused = self.run_in_hand().is_some_and(|r| r.state == RunState::Paused);
        match command {
            UiCommand::Undo => self.undo.next_undo().map_or("Undo".into(), |p| format!("Undo {}", p.label)),
            UiCommand::Redo => self.undo.next_redo().map_or("Redo".into(), |p| format!("Redo {}", p.label)),
            UiCommand::Pause if paused => "Resume".into(),
            UiCommand::Pause => "Pause".into(),
            _ => command.text().into(),
        }
    }

    /// Asks every run to save a checkpoint and end, and waits for it.
    pub(super) fn stop_runs(&mut self) {
        let alive: Vec<_> = self.studio.runs.iter().filter(|r| r.state.is_alive()).map(|r| r.dir.clone()).collect();
        // Or the next one would begin as soon as this one has ended.
        self.engine.send(Command::HoldQueue(true));
        for dir in alive {
            self.engine.send(Command::ControlRun { dir, control: Control::Stop });
        }
        self.dialog = Dialog::Stopping;
    }

    /// Closes the window, whatever is on.
    pub(super) fn close_now(&mut self, ctx: &Context) {
        self.leaving = true;
        self.dialog = Dialog::None;
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }
}
