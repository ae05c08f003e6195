//! A small stage for one view: the scripted engine, the window's state, the view with its inspector.

use egui::{Frame, Margin, Panel, ScrollArea, Ui, vec2};
use egui_kittest::Harness;

use crate::engine::fake::ScriptedEngine;
use crate::engine::{Command, Engine as _};
use crate::ui::action::{Action, ViewMessage};
use crate::ui::state::Studio;
use crate::ui::textures::Textures;
use crate::ui::theme::{self, size};
use crate::ui::views::{Cx, Ids, View};

/// Names the folder that screenshots are written to.
const SHOTS: &str = "LATENT_STUDIO_SHOTS";

/// One view on its stage.
pub struct Stage<V> {
    pub view: V,
    pub engine: ScriptedEngine,
    pub studio: Studio,
    pub textures: Textures,
    pub ids: Ids,
    /// Every action that was not for the engine.
    pub said: Vec<Action>,
    shown: bool,
}

impl<V: View> Stage<V> {
    pub fn new(view: V, engine: ScriptedEngine) -> Self {
        let (studio, textures, ids) = (Studio::default(), Textures::default(), Ids::default());
        let mut stage = Self { view, engine, studio, textures, ids, said: Vec::new(), shown: false };
        for command in
            [Command::ListRuns, Command::ListModels, Command::ListData, Command::ProbeDevices { again: false }]
        {
            stage.engine.send(command);
        }
        stage.settle();
        stage
    }

    /// Calls the view with a context, then does what it asked for.
    pub fn with(&mut self, call: impl FnOnce(&mut V, &mut Cx<'_>)) {
        let mut actions = Vec::new();
        let mut cx = Cx {
            studio: &self.studio,
            actions: &mut actions,
            textures: &mut self.textures,
            ids: &mut self.ids,
            active: self.view.id(),
            keys_free: true,
            time: 0.0,
            still: true,
        };
        call(&mut self.view, &mut cx);
        self.apply(actions);
    }

    fn apply(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Engine(command) => self.engine.send(*command),
                Action::SelectRun(run) => self.studio.selection.run = run,
                Action::Cancel(job) => self.engine.send(Command::Cancel { job }),
                other => self.said.push(other),
            }
        }
    }

    /// Takes in events until there are none.
    pub fn settle(&mut self) {
        loop {
            let events = self.engine.poll();
            if events.is_empty() {
                return;
            }
            for event in events {
                self.studio.apply(&event);
                self.with(|view, cx| view.on_event(&event, cx));
            }
        }
    }

    pub fn receive(&mut self, parcel: &ViewMessage) {
        self.with(|view, cx| view.receive(parcel, cx));
        self.settle();
    }

    pub fn draw(&mut self, ui: &mut Ui) {
        if !std::mem::replace(&mut self.shown, true) {
            self.with(|view, cx| view.on_show(cx));
        }
        self.settle();
        let inspector = self.view.has_inspector(&self.studio) && ui.available_width() > 700.0;
        self.with(|view, cx| {
            let t = theme::tokens(ui);
            if inspector {
                let frame = Frame::new().fill(t.panel).inner_margin(Margin::same(size::M as i8));
                Panel::right("inspector").resizable(false).exact_size(size::INSPECTOR).frame(frame).show(ui, |ui| {
                    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| view.inspector(ui, cx));
                });
            }
            egui::CentralPanel::default().frame(Frame::new().fill(t.canvas)).show(ui, |ui| view.ui(ui, cx));
        });
        self.settle();
        self.textures.end_frame();
    }
}

/// A window of this size (in points), dark or light, on which the view is drawn.
pub fn harness<V: View + 'static>(
    stage: Stage<V>,
    across: f32,
    down: f32,
    mode: theme::Mode,
) -> Harness<'static, Stage<V>> {
    let mut builder = Harness::builder()
        .with_size(vec2(across, down))
        .with_max_steps(64)
        .with_theme(if mode == theme::Mode::Light { egui::Theme::Light } else { egui::Theme::Dark })
        .with_context_setup(move |ctx| {
            theme::install_fonts(ctx);
            theme::apply(ctx, mode, true);
        });
    // A renderer takes seconds to start: only for those who want to look.
    if std::env::var_os(SHOTS).is_some() {
        builder = builder.wgpu();
    }
    let mut harness = builder.build_ui_state(|ui, stage: &mut Stage<V>| stage.draw(ui), stage);
    harness.run_ok();
    harness
}

/// Writes what is on the screen to a file, if [`SHOTS`] names a folder.
pub fn shot<V: View>(harness: &mut Harness<'_, Stage<V>>, name: &str) {
    if let Some(folder) = std::env::var_os(SHOTS) {
        let image = harness.render().unwrap();
        image.save(std::path::Path::new(&folder).join(format!("{name}.png"))).unwrap();
    }
}
