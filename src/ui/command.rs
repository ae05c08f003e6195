//! Everything a menu, a key or the palette can ask for. Text, tooltip and keys stand here once.

use egui::os::OperatingSystem;
use egui::{Key, KeyboardShortcut, Modifiers};

/// Which menu a command stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub enum Menu {
    /// Files in and out.
    File,
    /// Undo, selection.
    Edit,
    /// Runs.
    Run,
    /// The window.
    View,
    /// Help.
    Help,
}

impl Menu {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Edit => "Edit",
            Self::Run => "Run",
            Self::View => "View",
            Self::Help => "Help",
        }
    }
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum UiCommand {
    /// Choose files to look at, train on or explore.
    OpenFiles,
    /// Choose a folder of pictures.
    OpenFolder,
    /// Choose a checkpoint to copy into the studio.
    ImportModel,
    /// Export what is selected in the view.
    Export,
    /// Lock the library.
    Lock,
    /// Close the window.
    Quit,

    /// Take back the last change of a form or a latent.
    Undo,
    /// Do it again.
    Redo,
    /// Select everything in the view.
    SelectAll,
    /// Keep what is shown or selected in the gallery.
    Keep,
    /// Open the settings.
    Preferences,

    /// Start the run that is set up, or go on with the selected one.
    Start,
    /// Hold the run on, or let it go on.
    Pause,
    /// One step of a run that is held on.
    Step,
    /// Save a checkpoint now.
    Checkpoint,
    /// Save a checkpoint and end the run.
    Stop,

    /// Find any command, view, model, run or setting.
    Palette,
    /// Show or hide the inspector.
    Inspector,
    /// Show or hide the filmstrip.
    Filmstrip,
    /// Show another view beside this one.
    SplitRight,
    /// Show another view under this one.
    SplitDown,
    /// Close the pane.
    ClosePane,
    /// Go to the next pane.
    NextPane,
    /// The layout of the first start.
    ResetLayout,
    /// From dark to light and back.
    Theme,
    /// From sharp pixels to smooth ones and back.
    Pixels,
    /// Everything larger.
    ScaleUp,
    /// Everything smaller.
    ScaleDown,
    /// Usual size.
    ScaleReset,
    /// The whole screen.
    Fullscreen,

    /// How GANs and VAEs work.
    Learn,
    /// The keys of this view.
    Keys,
    /// Past messages.
    Messages,
    /// Copy what a bug report needs.
    CopyDiagnostics,
    /// Version, licences, thanks.
    About,
}

impl UiCommand {
    /// What menus and the palette call it.
    pub fn text(self) -> &'static str {
        self.texts().0
    }

    /// One sentence on what it does.
    pub fn tooltip(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenFiles => {
                ("Open files…", "Open pictures, a zip or tar, a model, a run, or a picture the studio made")
            }
            Self::OpenFolder => ("Open folder…", "Look through a folder of pictures, or open a run folder"),
            Self::ImportModel => ("Import model…", "Copy a checkpoint file into the studio"),
            Self::Export => ("Export…", "Save the selection as pictures, a grid or a film"),
            Self::Lock => ("Lock the library", "Forget the key and show nothing until the passphrase is typed again"),
            Self::Quit => ("Quit", "Close the studio; runs can continue without it"),
            Self::Undo => ("Undo", "Undo the last change"),
            Self::Redo => ("Redo", "Redo what was undone"),
            Self::SelectAll => ("Select all", "Select everything in this view"),
            Self::Keep => ("Keep in the gallery", "Save what is shown or selected to the gallery"),
            Self::Preferences => ("Settings", "Theme, scale, devices, export"),
            Self::Start => ("Start or resume", "Start the run that is set up, or resume the selected one"),
            Self::Pause => ("Pause or resume", "Pause the run after this step, or resume it"),
            Self::Step => ("Single step", "Take one optimiser step while the run is paused"),
            Self::Checkpoint => ("Save checkpoint now", "Save the full state of the run"),
            Self::Stop => ("Stop at a checkpoint", "Save a checkpoint and stop the run; it can be resumed later"),
            Self::Palette => ("Find anything…", "Find any command, view, model, run or setting by its name"),
            Self::Inspector => ("Inspector", "Show or hide the settings of what is selected"),
            Self::Filmstrip => ("Filmstrip", "Show or hide the strip below the view"),
            Self::SplitRight => ("Split right", "Show a second pane beside this one"),
            Self::SplitDown => ("Split down", "Show a second pane below this one"),
            Self::ClosePane => ("Close pane", "Close the active pane; the last one stays"),
            Self::NextPane => ("Next pane", "Go to the next pane"),
            Self::ResetLayout => ("Reset layout", "Back to one large view with the inspector on the right"),
            Self::Theme => ("Dark or light", "Switch between the dark and the light theme"),
            Self::Pixels => {
                ("Sharp or smooth pixels", "Show pictures with sharp pixels or smooth, whatever they look like")
            }
            Self::ScaleUp => ("Larger", "Make everything in the window larger"),
            Self::ScaleDown => ("Smaller", "Make everything in the window smaller"),
            Self::ScaleReset => ("Normal size", "Show everything at its normal size"),
            Self::Fullscreen => ("Full screen", "Fill the screen, or return to a window"),
            Self::Learn => {
                ("How it works…", "A tutorial on GANs and VAEs with real runs of a few minutes, and a glossary")
            }
            Self::Keys => ("Keyboard shortcuts", "List the shortcuts of this view and of the whole window"),
            Self::Messages => ("Notifications", "Show every message, with what to do about it"),
            Self::CopyDiagnostics => ("Copy diagnostics", "Copy version, devices and recent messages for a bug report"),
            Self::About => ("About Latent Studio", "Version, licences and thanks"),
        }
    }

    /// Everyday words for it, which the palette knows besides its text.
    pub fn words(self) -> &'static str {
        match self {
            Self::OpenFiles => "load import photo picture image zip drop browse file",
            Self::OpenFolder => "load import data set directory photos pictures images browse",
            Self::ImportModel => "load checkpoint weights safetensors pytorch pth pkl network add model",
            Self::Export => {
                "save download share render video movie clip mp4 gif png apng sprite sheet upscale enlarge print"
            }
            Self::Lock => "encrypt passphrase password private hide secure",
            Self::Quit => "exit close leave end",
            Self::Undo => "back revert mistake restore oops",
            Self::Redo => "again repeat forward",
            Self::SelectAll => "mark everything all",
            Self::Keep => "favourite favorite star save like bookmark gallery",
            Self::Preferences => "options preferences configure setup",
            Self::Start => "train run begin learn resume continue go",
            Self::Pause => "hold wait break resume continue",
            Self::Step => "one iteration next",
            Self::Checkpoint => "save snapshot backup weights",
            Self::Stop => "end finish abort cancel halt",
            Self::Palette => "search command find",
            Self::Inspector => "side panel sidebar properties right",
            Self::Filmstrip => "history strip recent bottom",
            Self::SplitRight | Self::SplitDown => "two views side by side pane window tile",
            Self::ClosePane => "hide pane tab",
            Self::NextPane => "switch pane tab",
            Self::ResetLayout => "default arrange windows restore",
            Self::Theme => "dark light mode night colours colors appearance",
            Self::Pixels => "pixel art sharp smooth blurry interpolation nearest filter",
            Self::ScaleUp => "zoom in bigger font text size larger",
            Self::ScaleDown => "zoom out smaller font text size",
            Self::ScaleReset => "zoom 100 normal font text size",
            Self::Fullscreen => "whole screen maximise maximize presentation",
            Self::Learn => "tutorial help guide lesson explain glossary meaning terms introduction course beginner",
            Self::Keys => "help shortcuts hotkeys tutorial keyboard guide cheat sheet",
            Self::Messages => "log errors warnings history notifications",
            Self::CopyDiagnostics => "bug report support info version system",
            Self::About => "version licence license credits thanks help",
        }
    }

    /// Its menu.
    pub fn menu(self) -> Menu {
        match self {
            Self::OpenFiles | Self::OpenFolder | Self::ImportModel | Self::Export | Self::Lock | Self::Quit => {
                Menu::File
            }
            Self::Undo | Self::Redo | Self::SelectAll | Self::Keep | Self::Preferences => Menu::Edit,
            Self::Start | Self::Pause | Self::Step | Self::Checkpoint | Self::Stop => Menu::Run,
            Self::Learn | Self::Keys | Self::Messages | Self::CopyDiagnostics | Self::About => Menu::Help,
            _ => Menu::View,
        }
    }

    /// Whether a line stands above it in its menu.
    pub fn begins_group(self) -> bool {
        matches!(
            self,
            Self::Export
                | Self::Lock
                | Self::SelectAll
                | Self::Preferences
                | Self::Pause
                | Self::Stop
                | Self::Palette
                | Self::Inspector
                | Self::SplitRight
                | Self::Theme
                | Self::Fullscreen
                | Self::CopyDiagnostics
                | Self::About
        )
    }

    /// Its keys on an operating system, the one shown in menus first.
    pub fn shortcuts(self, os: OperatingSystem) -> Vec<KeyboardShortcut> {
        let mac = os == OperatingSystem::Mac;
        let key = |modifiers, key| KeyboardShortcut::new(modifiers, key);
        let cmd = |k| key(Modifiers::COMMAND, k);
        let cmd_shift = |k| key(Modifiers::COMMAND | Modifiers::SHIFT, k);
        match self {
            Self::OpenFiles => vec![cmd(Key::O)],
            Self::OpenFolder => vec![cmd_shift(Key::O)],
            Self::Export => vec![cmd(Key::E)],
            Self::Lock => vec![cmd(Key::L)],
            Self::Quit => vec![cmd(Key::Q)],
            Self::Undo => vec![cmd(Key::Z)],
            Self::Redo if mac => vec![cmd_shift(Key::Z)],
            Self::Redo => vec![cmd_shift(Key::Z), cmd(Key::Y)],
            Self::SelectAll => vec![cmd(Key::A)],
            Self::Keep => vec![cmd(Key::D)],
            Self::Preferences => vec![cmd(Key::Comma)],
            Self::Start => vec![cmd(Key::Enter)],
            Self::Pause => vec![cmd(Key::P)],
            Self::Step => vec![cmd(Key::Period)],
            Self::Checkpoint => vec![cmd(Key::S)],
            Self::Palette => vec![cmd(Key::K), cmd_shift(Key::P)],
            Self::Inspector => vec![cmd(Key::I)],
            Self::Filmstrip => vec![cmd(Key::J)],
            Self::SplitRight => vec![cmd(Key::Backslash)],
            Self::SplitDown => vec![cmd_shift(Key::Backslash)],
            Self::ClosePane => vec![cmd(Key::W)],
            Self::NextPane => vec![key(Modifiers::CTRL, Key::Tab)],
            Self::Theme => vec![cmd_shift(Key::L)],
            Self::ScaleUp => vec![cmd(Key::Plus), cmd(Key::Equals)],
            Self::ScaleDown => vec![cmd(Key::Minus)],
            Self::ScaleReset => vec![cmd(Key::Num0)],
            Self::Fullscreen if mac => {
                vec![key(Modifiers::CTRL | Modifiers::COMMAND, Key::F), key(Modifiers::NONE, Key::F11)]
            }
            Self::Fullscreen => vec![key(Modifiers::NONE, Key::F11)],
            Self::Keys => vec![key(Modifiers::NONE, Key::Questionmark), key(Modifiers::NONE, Key::F1)],
            Self::Messages => vec![cmd_shift(Key::M)],
            Self::ImportModel
            | Self::Stop
            | Self::Learn
            | Self::ResetLayout
            | Self::Pixels
            | Self::CopyDiagnostics
            | Self::About => Vec::new(),
        }
    }

    /// Whether it is of the window as a whole, so that it works while a dialog is open.
    pub fn works_over_dialogs(self) -> bool {
        matches!(
            self,
            Self::Lock
                | Self::Quit
                | Self::Theme
                | Self::ScaleUp
                | Self::ScaleDown
                | Self::ScaleReset
                | Self::Fullscreen
        )
    }

    /// Whether it works while a text field has the focus (those that a text field needs itself do not).
    pub fn works_while_typing(self) -> bool {
        !matches!(self, Self::Undo | Self::Redo | Self::SelectAll | Self::Keys)
    }
}
