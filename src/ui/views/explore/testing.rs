//! What views are tried with: a shell around one view, over the scripted engine.

use egui::vec2;
use egui_kittest::Harness;

use super::*;
use crate::engine::fake::ScriptedEngine;
use crate::engine::{Engine, GenerateRequest};
use crate::ui::textures::Textures;
use crate::ui::theme;
use crate::ui::view::Ids;

/// What a feed is tried with: actions are kept, nothing answers.
#[derive(Default)]
pub struct Bench {
    pub studio: Studio,
    textures: Textures,
    ids: Ids,
    actions: Vec<Action>,
}

impl Bench {
    pub fn with<R>(&mut self, time: f64, f: impl FnOnce(&mut Cx<'_>) -> R) -> R {
        f(&mut Cx {
            studio: &self.studio,
            actions: &mut self.actions,
            textures: &mut self.textures,
            ids: &mut self.ids,
            active: ViewId::Explore,
            keys_free: true,
            time,
            still: true,
        })
    }

    /// The requests since the last call.
    pub fn generated(&mut self) -> Vec<GenerateRequest> {
        let request = |a| match a {
            Action::Engine(command) => match *command {
                Command::Generate(request) => Some(request),
                _ => None,
            },
            _ => None,
        };
        self.actions.drain(..).filter_map(request).collect()
    }
}

/// A view with the scripted engine and a shell that applies what matters here: commands, deliveries, undo.
pub struct Stage<V> {
    pub view: V,
    pub id: ViewId,
    pub studio: Studio,
    pub engine: ScriptedEngine,
    textures: Textures,
    ids: Ids,
    pub actions: Vec<Action>,
    pub undo: Vec<(String, serde_json::Value)>,
    pub redo: Vec<serde_json::Value>,
    pub time: f64,
    /// Whether it is drawn in the light theme.
    pub light: bool,
}

impl<V: View> Stage<V> {
    pub fn new(view: V) -> Self {
        Self::with(view, ScriptedEngine::new())
    }

    pub fn with(view: V, engine: ScriptedEngine) -> Self {
        let id = view.id();
        let mut stage = Self {
            view,
            id,
            studio: Studio::default(),
            engine,
            textures: Textures::default(),
            ids: Ids::default(),
            actions: Vec::new(),
            undo: Vec::new(),
            redo: Vec::new(),
            time: 0.0,
            light: false,
        };
        for command in [Command::ListModels, Command::ListRuns] {
            stage.engine.send(command);
        }
        stage.drain();
        stage.call(|view, cx| view.on_show(cx));
        stage.drain();
        stage
    }

    pub fn call<R>(&mut self, f: impl FnOnce(&mut V, &mut Cx<'_>) -> R) -> R {
        let result = f(
            &mut self.view,
            &mut Cx {
                studio: &self.studio,
                actions: &mut self.actions,
                textures: &mut self.textures,
                ids: &mut self.ids,
                active: self.id,
                keys_free: true,
                time: self.time,
                still: true,
            },
        );
        self.act();
        result
    }

    fn act(&mut self) {
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Engine(command) => {
                    // As in the window, what is opened is selected.
                    if let Command::OpenModel { model } = &*command {
                        self.studio.selection.model = Some(model.clone());
                    }
                    self.engine.send(*command);
                }
                Action::Undo(point) => {
                    self.undo.push((point.label, point.before));
                    self.redo.clear();
                }
                Action::SelectModel(model) => self.studio.selection.model = model,
                other => self.actions.push(other),
            }
        }
    }

    pub fn drain(&mut self) {
        for event in self.engine.poll() {
            self.studio.apply(&event);
            self.call(|view, cx| view.on_event(&event, cx));
        }
    }

    pub fn take_back(&mut self) {
        if let Some((_, before)) = self.undo.pop() {
            self.redo.push(self.view.snapshot());
            self.call(|view, cx| view.go_back(&before, cx));
        }
    }

    pub fn show(&mut self, ui: &mut egui::Ui) {
        self.drain();
        self.time = ui.input(|i| i.time);
        let mode = if self.light { theme::Mode::Light } else { theme::Mode::Dark };
        theme::apply(ui.ctx(), mode, true);
        let t = theme::tokens(ui);
        let inspector = egui::Panel::right("inspector").exact_size(280.0).resizable(false);
        if self.view.has_inspector(&self.studio) {
            inspector.frame(egui::Frame::new().fill(t.panel).inner_margin(12.0)).show(ui, |ui| {
                egui::ScrollArea::vertical().show(ui, |ui| self.call(|view, cx| view.inspector(ui, cx)));
            });
        }
        if self.view.has_filmstrip(&self.studio) {
            let strip = egui::Panel::bottom("strip").exact_size(96.0).resizable(false);
            strip.frame(egui::Frame::new().fill(t.panel).inner_margin(8.0)).show(ui, |ui| {
                self.call(|view, cx| view.filmstrip(ui, cx));
            });
        }
        egui::CentralPanel::no_frame().frame(egui::Frame::new().fill(t.canvas)).show(ui, |ui| {
            self.call(|view, cx| view.ui(ui, cx));
        });
        self.drain();
        self.textures.end_frame();
    }
}

/// A harness around a stage, in the size of a small window.
pub fn harness<V: View + 'static>(stage: Stage<V>) -> Harness<'static, Stage<V>> {
    let mut harness = Harness::builder()
        .with_size(vec2(1200.0, 760.0))
        .with_max_steps(16)
        .with_context_setup(theme::install_fonts)
        .build_ui_state(|ui, stage: &mut Stage<V>| stage.show(ui), stage);
    harness.run_steps(6);
    harness
}
