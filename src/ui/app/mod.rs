//! The window: drains the engine, draws bars and panes, applies what views want. By phase of the frame:
//! [`logic`](StudioApp::logic) and drawing here, actions in `apply`, menu commands in `commands`, drops in `drops`.

mod apply;
mod commands;
mod drops;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crossbeam_channel::bounded;
use egui::{CentralPanel, Context, Frame, Margin, Panel, ScrollArea, Ui};

use super::action::{Action, Pick, PickKind, ViewMessage};
use super::file_dialog::{DesktopPicker, FilePicker};
use super::gate::Wish;
use super::keymap::{self, Bound};
use super::layout::Layout;
use super::palette::Palette;
use super::persistence::{self, Keeper, WindowState};
use super::shell::{Dialog, Shell};
use super::state::Studio;
use super::textures::{self, Textures};
use super::theme::{self, size};
use super::toasts::{ToastClick, Toasts};
use super::undo::{self, UndoStacks};
use super::views::{Ids, VIEWS, View, ViewId};
use super::{chrome, dialogs, status};
use crate::base::paths::Paths;
use crate::engine::{Command, Engine, Event};

/// How often the window's state is looked at, in seconds.
const KEEP_EVERY: f64 = 2.0;
/// How often room on the disk is looked at while it matters, in seconds.
const ROOM_EVERY: f64 = 5.0;
/// Answers of file dialogs that may wait.
const ANSWERS: usize = 16;

/// How the window is opened.
pub struct Options {
    /// Opens file dialogs.
    pub picker: Box<dyn FilePicker>,
    /// Nothing that changes by itself is shown (tests, screenshots).
    pub still: bool,
    /// What was kept is read, and written again.
    pub remember: bool,
    /// Says [`FIRST_PICTURE`] and closes once a picture that a model made is drawn (to measure how long that takes).
    pub until_picture: bool,
}

/// What a window that closes with its first picture says.
pub const FIRST_PICTURE: &str = "first picture";

impl Default for Options {
    fn default() -> Self {
        Self { picker: Box::new(DesktopPicker), still: false, remember: true, until_picture: false }
    }
}

/// The window.
pub struct StudioApp {
    pub(super) shell: Shell,
    pub(super) views: Vec<Box<dyn View>>,
    drops: drops::Drops,
    /// What is asked of the gate before the window.
    wish: Option<Wish>,
}

/// Points that the inspector leaves to the canvas beside it, if it can.
const CANVAS: f32 = 360.0;
/// The same for each of several panes side by side: beside two of them in the smallest window a form has its room.
const PANE: f32 = 312.0;

impl StudioApp {
    /// A window over an engine. Draws nothing before the first frame; needs no particular renderer.
    pub fn new(engine: Box<dyn Engine>, paths: Paths, options: Options) -> Self {
        let kept = if options.remember { persistence::load(&paths.config) } else { WindowState::default() };
        let mut views: Vec<Box<dyn View>> = VIEWS.iter().map(|v| (v.new)()).collect();
        for view in &mut views {
            if let Some(state) = kept.views.get(&view.id()) {
                view.restore(state);
            }
        }
        let mut studio = Studio { settings: kept.settings.clone(), ..Studio::default() };
        studio.selection.run.clone_from(&kept.run);
        studio.selection.model.clone_from(&kept.model);
        studio.exports = paths.exports.clone();
        studio.folders = vec![
            ("Settings", paths.config.clone()),
            ("Library, runs and models", paths.data.clone()),
            ("Cache", paths.cache.clone()),
        ];
        let shell = Shell {
            engine,
            studio,
            textures: Textures::default(),
            ids: Ids::default(),
            actions: Vec::new(),
            layout: Layout::restored(&kept.layout, kept.active),
            palette: Palette::default(),
            toasts: Toasts::default(),
            primary: Vec::new(),
            undo: UndoStacks::default(),
            keeper: options.remember.then(|| Keeper::start(paths.config)),
            dialog: Dialog::None,
            picker: options.picker,
            answers: bounded(ANSWERS),
            inspector: kept.inspector,
            filmstrip: kept.filmstrip,
            inspector_width: kept.inspector_width.clamp(220.0, 520.0),
            window: kept.window,
            maximized: kept.maximized,
            pasted: paths.cache.join("pasted"),
            dressed: None,
            shown: Vec::new(),
            begun: false,
            leaving: false,
            still: options.still,
            keep_at: 0.0,
            exploring_on: "cpu".into(),
            room_at: 0.0,
            until_picture: options.until_picture,
            pictured: false,
            frame_ms: std::collections::VecDeque::new(),
        };
        Self { shell, views, drops: drops::Drops::default(), wish: None }
    }

    /// What the window knows.
    pub fn studio(&self) -> &Studio {
        &self.shell.studio
    }

    /// What was asked of the gate before the window since the last call.
    pub fn take_wish(&mut self) -> Option<Wish> {
        self.wish.take()
    }

    /// Tells the window whether its library is encrypted.
    pub fn set_encrypted(&mut self, encrypted: bool) {
        self.shell.studio.encrypted = encrypted;
    }

    /// The active view.
    pub fn active(&self) -> ViewId {
        self.shell.layout.active()
    }

    /// Asks for something to happen, as a view would.
    pub fn act(&mut self, action: Action) {
        self.shell.actions.push(action);
    }

    /// Milliseconds of processor time of the last frames, the oldest first.
    pub fn frame_times(&self) -> impl Iterator<Item = f32> {
        self.shell.frame_ms.iter().copied()
    }

    /// The part of a frame that draws nothing: events in, actions out.
    pub fn logic(&mut self, ctx: &Context) {
        self.dress(ctx);
        if !self.shell.begun {
            self.begin(ctx);
        }
        for event in self.shell.engine.poll() {
            self.take(ctx, &event);
        }
        while let Ok((pick, chosen)) = self.shell.answers.1.try_recv() {
            match chosen {
                Ok(paths) => self.answer(ctx, &pick, paths),
                Err(problem) => self.tell(ctx, problem),
            }
        }
        self.apply(ctx);
    }

    /// Fonts, colours and scale, when they are not what the settings say.
    fn dress(&mut self, ctx: &Context) {
        let s = &self.shell.studio.settings;
        self.shell.textures.set_pixels(s.pixels);
        textures::set_backing(ctx, s.backing);
        let wanted = (s.theme, s.reduce_motion, s.scale);
        if self.shell.dressed == Some(wanted) {
            return;
        }
        if self.shell.dressed.is_none() {
            theme::install_fonts(ctx);
            ctx.options_mut(|o| {
                o.zoom_with_keyboard = false;
                // While training takes the whole processor a frame may be late: a click stays one all the same.
                o.input_options.max_click_duration = 2.0;
            });
        }
        theme::apply(ctx, s.theme, s.reduce_motion || self.shell.still);
        if self.shell.dressed.map_or(s.scale != 1.0, |(_, _, scale)| scale != s.scale) {
            ctx.set_zoom_factor(s.scale.clamp(0.75, 2.0));
        }
        self.shell.dressed = Some(wanted);
    }

    fn begin(&mut self, ctx: &Context) {
        self.shell.begun = true;
        let waker = ctx.clone();
        self.shell.engine.on_wake(Box::new(move || waker.request_repaint()));
        let keep_awake = Command::KeepAwake(self.shell.studio.settings.keep_awake);
        let networks = Command::UseNetworks(self.shell.studio.settings.networks);
        for command in [
            networks,
            Command::ListModels,
            Command::ListRuns,
            Command::ListData,
            Command::ProbeDevices { again: false },
            keep_awake,
        ] {
            self.shell.engine.send(command);
        }
    }

    /// Takes in one event: the state first, then every view.
    fn take(&mut self, ctx: &Context, event: &Event) {
        let time = ctx.input(|i| i.time);
        self.shell.studio.apply(event);
        match event {
            Event::Message(_) | Event::RunMessage { .. } | Event::JobEnded { problem: Some(_), .. } => {
                // As it stands in the log.
                if let Some(said) = self.shell.studio.messages.last() {
                    self.shell.toasts.add(said.problem.clone(), Some(said.id), time);
                }
            }
            Event::Inspected(what) => self.route(what.clone()),
            Event::Generated { pictures, .. } => self.shell.pictured |= !pictures.is_empty(),
            Event::Devices(_) => self.shell.choose_where_to_explore(),
            Event::Changed { change, name } => self.shell.undo.push(undo::library_change(*change, name)),
            _ => {}
        }
        if matches!(event, Event::Message(_)) {
            self.one_less();
        }
        for view in &mut self.views {
            view.on_event(event, &mut self.shell.cx(time, false));
        }
        self.apply(ctx);
    }

    /// Draws a frame.
    pub fn draw(&mut self, ui: &mut Ui) {
        let began = Instant::now();
        let ctx = ui.ctx().clone();
        if !ctx.fonts(|f| f.families().iter().any(|family| family.to_string() == egui_material_icons::FONT_FAMILY)) {
            // Fonts that were just added are there from the next pass on.
            ctx.request_discard("fonts");
            ctx.request_repaint();
            return;
        }
        self.keys(&ctx);
        dialogs::closing(&ctx, &mut self.shell);
        self.dropped(&ctx);
        self.pasted(&ctx);
        let time = ctx.input(|i| i.time);
        self.tell_shown(time);

        let free = self.keys_free(&ctx);
        chrome::menu_bar(ui, &mut self.shell);
        status::bar(ui, &mut self.shell);
        chrome::rail(ui, &mut self.shell);
        self.inspector(ui, time, free);
        self.filmstrip(ui, time, free);
        self.panes(ui, time, free);

        if let Some(action) = self.shell.palette.show(&ctx) {
            self.shell.actions.push(action);
        }
        let active = self.active() as usize;
        dialogs::show(&ctx, &mut self.shell, self.views[active].as_ref());
        self.shell.primary = theme::take_primary_buttons(&ctx);
        if let Some(ToastClick::Log(message)) = self.shell.toasts.show(&ctx, time, &self.shell.primary) {
            self.shell.actions.push(match message {
                Some(id) => Action::Deliver(ViewId::Log, Box::new(ViewMessage::Message(id))),
                None => Action::Go(ViewId::Log),
            });
        }
        self.drop_hint(&ctx);
        self.apply(&ctx);
        self.shell.textures.end_frame();
        self.keep(&ctx, time);
        if self.shell.until_picture && self.shell.pictured {
            self.shell.until_picture = false;
            println!("{FIRST_PICTURE}");
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
        let frames = &mut self.shell.frame_ms;
        if frames.len() == 600 {
            frames.pop_front();
        }
        frames.push_back(began.elapsed().as_secs_f32() * 1000.0);
    }

    fn keys_free(&self, ctx: &Context) -> bool {
        !ctx.text_edit_focused()
            && !self.shell.palette.is_open()
            && !Self::dialog_is_open(ctx)
            && self.shell.dialog == Dialog::None
            && !egui::Popup::is_any_open(ctx)
    }

    /// Whether a dialog of any view lies over the window: keys are not for what is behind it.
    fn dialog_is_open(ctx: &Context) -> bool {
        ctx.memory(|m| m.top_modal_layer().is_some())
    }

    fn keys(&mut self, ctx: &Context) {
        let dialog = self.shell.dialog != Dialog::None || Self::dialog_is_open(ctx);
        for bound in keymap::take(ctx, dialog) {
            match bound {
                Bound::Command(command) => self.shell.actions.push(Action::Ui(command)),
                Bound::View(view) => self.shell.actions.push(Action::Go(view)),
            }
        }
        self.apply(ctx);
    }

    /// Tells views that were hidden until now that they are shown.
    fn tell_shown(&mut self, time: f64) {
        let visible = self.shell.layout.visible();
        for id in &visible {
            if !self.shell.shown.contains(id) {
                self.views[*id as usize].on_show(&mut self.shell.cx(time, false));
            }
        }
        let needs_room = visible.iter().any(|v| matches!(v, ViewId::Data | ViewId::Train));
        if needs_room && time >= self.shell.room_at {
            self.shell.room_at = time + ROOM_EVERY;
            self.shell.engine.send(Command::FreeSpace);
        }
        if visible.contains(&ViewId::Log) {
            self.shell.studio.messages.iter_mut().for_each(|m| m.seen = true);
        }
        self.shell.shown = visible;
    }

    fn inspector(&mut self, ui: &mut Ui, time: f64, free: bool) {
        let active = self.shell.layout.active();
        let view = &mut self.views[active as usize];
        if !self.shell.inspector || !view.has_inspector(&self.shell.studio) {
            return;
        }
        let t = theme::tokens(ui);
        // In a narrow window the canvas keeps the room that its controls need.
        let room = ui.available_width();
        let columns = self.shell.layout.columns() as f32;
        let canvas = if columns > 1.0 { PANE * columns } else { CANVAS };
        let most = (room * 0.5).min(room - canvas).clamp(180.0, 520.0);
        let shown = Panel::right("inspector")
            .resizable(true)
            .default_size(self.shell.inspector_width.min(most))
            .size_range(most.min(220.0)..=most)
            .frame(Frame::new().fill(t.panel))
            .show(ui, |ui| {
                ScrollArea::vertical().id_salt(("inspector", active)).auto_shrink(false).show(ui, |ui| {
                    Frame::new().inner_margin(Margin::same(size::M as i8)).show(ui, |ui| {
                        ui.set_width(ui.available_width());
                        view.inspector(ui, &mut self.shell.cx(time, free));
                    });
                });
            });
        self.shell.inspector_width = shown.response.rect.width();
    }

    fn filmstrip(&mut self, ui: &mut Ui, time: f64, free: bool) {
        let view = &mut self.views[self.shell.layout.active() as usize];
        if !self.shell.filmstrip || !view.has_filmstrip(&self.shell.studio) {
            return;
        }
        let t = theme::tokens(ui);
        Panel::bottom("filmstrip")
            .exact_size(size::FILMSTRIP)
            .frame(Frame::new().fill(t.panel).inner_margin(Margin::symmetric(size::M as i8, size::S as i8)))
            .show(ui, |ui| view.filmstrip(ui, &mut self.shell.cx(time, free)));
    }

    fn panes(&mut self, ui: &mut Ui, time: f64, free: bool) {
        let t = theme::tokens(ui);
        let Self { shell, views, .. } = self;
        // The layout is taken out so that views may read everything else while it draws them.
        let active = shell.layout.active();
        let mut layout = std::mem::replace(&mut shell.layout, Layout::single(active));
        CentralPanel::no_frame().frame(Frame::new().fill(t.canvas)).show(ui, |ui| {
            layout.ui(ui, &mut |ui, id| views[id as usize].ui(ui, &mut shell.cx(time, free)));
        });
        shell.layout = layout;
    }

    /// Notes how large the window is, or that it fills the screen: then its own size stays as it was.
    fn note_window(&mut self, ctx: &Context) {
        let (rect, maximized, fullscreen) = ctx.input(|i| {
            let v = i.viewport();
            (v.inner_rect, v.maximized.unwrap_or(false), v.fullscreen.unwrap_or(false))
        });
        self.shell.maximized = maximized;
        if let Some(rect) = rect.filter(|_| !maximized && !fullscreen) {
            self.shell.window = Some([rect.width(), rect.height()]);
        }
    }

    /// What would be written down now.
    fn kept(&self) -> WindowState {
        let shell = &self.shell;
        WindowState {
            settings: shell.studio.settings.clone(),
            active: shell.layout.active(),
            layout: shell.layout.kept(),
            inspector: shell.inspector,
            filmstrip: shell.filmstrip,
            inspector_width: shell.inspector_width,
            window: shell.window,
            maximized: shell.maximized,
            run: shell.studio.selection.run.clone(),
            model: shell.studio.selection.model.clone(),
            views: self.views.iter().map(|v| (v.id(), v.save())).filter(|(_, s)| !s.is_null()).collect(),
            ..WindowState::default()
        }
    }

    /// What would be written down now, with the window as it is.
    #[cfg(test)]
    pub(super) fn kept_now(&mut self, ctx: &Context) -> WindowState {
        self.note_window(ctx);
        self.kept()
    }

    fn keep(&mut self, ctx: &Context, time: f64) {
        if self.shell.keeper.is_none() || time < self.shell.keep_at {
            return;
        }
        self.shell.keep_at = time + KEEP_EVERY;
        self.note_window(ctx);
        let kept = self.kept();
        if let Some(keeper) = &mut self.shell.keeper {
            keeper.keep(&kept);
        }
    }

    /// Writes everything down and ends the engine's threads.
    pub fn leave(&mut self, ctx: &Context) {
        self.note_window(ctx);
        let kept = self.kept();
        if let Some(mut keeper) = self.shell.keeper.take() {
            keeper.keep(&kept);
        }
        self.shell.engine.shut_down();
    }

    fn answer(&mut self, ctx: &Context, pick: &Pick, paths: Vec<PathBuf>) {
        // The next dialog of this purpose begins where this one ended. What was pasted had no dialog.
        let folder = match (&pick.kind, paths.first()) {
            _ if pick.title.is_empty() => None,
            (PickKind::Folder, Some(folder)) => Some(folder.clone()),
            (_, Some(file)) => file.parent().map(Path::to_path_buf),
            _ => None,
        };
        if let Some(folder) = folder {
            self.shell.studio.settings.dialog_folders.insert(pick.purpose.to_owned(), folder);
        }
        match pick.purpose {
            commands::OPEN => self.shell.actions.push(Action::Open(paths)),
            commands::IMPORT => {
                let imports = paths.into_iter().map(|path| Action::Engine(Box::new(Command::ImportModel { path })));
                self.shell.actions.extend(imports);
            }
            purpose => self.deliver(ctx, pick.view, &ViewMessage::Picked { purpose, paths }, false),
        }
    }
}

impl eframe::App for StudioApp {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        Self::logic(self, ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }
}
