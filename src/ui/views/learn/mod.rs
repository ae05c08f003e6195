//! Learn: how GANs and VAEs work, on real runs of some minutes and on shipped models, and every term in a plain sentence.

mod lessons;
mod plane;
mod runs;

use std::collections::HashSet;
use std::path::PathBuf;

use egui::{ComboBox, Label, RichText, Slider, Ui};
use egui_material_icons::icons::{ICON_PLAY_ARROW, ICON_STOP};
use strum::IntoEnumIterator as _;

use super::data::{built_in_title, short_name};
use super::train::estimate;
use super::{Cx, View, ViewId};
use crate::data::{FASHION, is_built_in};
use crate::engine::{Command, Control, Event, RunState};
use crate::ui::action::ViewMessage;
use crate::ui::format;
use crate::ui::glossary::GLOSSARY;
use crate::ui::theme::{self, size};
use lessons::{BETAS, Lesson, Part, Speed, parts};
use plane::Plane;
use runs::Shown;

/// Text is not wider than this, in points.
const COLUMN: f32 = 820.0;
/// Below this width panels stand under each other.
const NARROW: f32 = 620.0;
/// Built-in sets that lessons are trained on.
const BUILT_IN: [&str; 3] = [FASHION, "emoji:smileys", "shapes"];

/// The view.
pub struct LearnView {
    lesson: Lesson,
    /// What the first lesson is trained on.
    source: String,
    /// Place in [`BETAS`] that is looked at.
    beta: usize,
    plane: Plane,
    /// Part of a term that is looked for.
    query: String,
    /// Runs whose curves and samples were asked for.
    asked: HashSet<PathBuf>,
}

impl Default for LearnView {
    fn default() -> Self {
        Self {
            lesson: Lesson::Two,
            source: BUILT_IN[0].into(),
            beta: 1,
            plane: Plane::default(),
            query: String::new(),
            asked: HashSet::new(),
        }
    }
}

impl LearnView {
    fn parts(&self, cx: &Cx<'_>) -> Vec<Part> {
        parts(self.lesson, &self.source, &Speed { device: cx.studio.device(), runs: &cx.studio.runs })
    }

    /// Has curves and samples of the lesson's runs read.
    fn load(&mut self, parts: &[Part], cx: &mut Cx<'_>) {
        let studio = cx.studio;
        for run in parts.iter().filter_map(|p| runs::named(studio, &p.recipe.name)) {
            let loaded = studio.live.get(&run.dir).is_some_and(|l| l.loaded);
            let dir = run.dir.clone();
            if !loaded && self.asked.insert(dir.clone()) {
                cx.send(Command::LoadRun { dir });
            }
        }
    }

    /// Which pictures, and the button that starts what is not there yet.
    fn start(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, parts: &[Part]) {
        let missing: Vec<&Part> = parts.iter().filter(|p| runs::named(cx.studio, &p.recipe.name).is_none()).collect();
        let busy: Vec<PathBuf> = parts
            .iter()
            .filter_map(|p| runs::named(cx.studio, &p.recipe.name))
            .filter(|r| r.state.is_alive() || r.state == RunState::Queued)
            .map(|r| r.dir.clone())
            .collect();
        ui.horizontal_wrapped(|ui| {
            if self.lesson == Lesson::Two {
                self.choose_pictures(ui, cx);
            }
            if !busy.is_empty() {
                if theme::button(ui, Some(ICON_STOP), "Stop the lesson").clicked() {
                    // What waits goes first, or it would begin in between.
                    for dir in busy.into_iter().rev() {
                        cx.send(Command::ControlRun { dir, control: Control::Stop });
                    }
                }
                return;
            }
            let again = missing.is_empty();
            let what: Vec<&Part> = if again { parts.iter().collect() } else { missing };
            let text = match (again, what.len()) {
                (true, _) => "Train again",
                (false, 1) => "Start it",
                (false, 2) => "Start both",
                (false, _) => "Start all",
            };
            let whole: Vec<Part> = what.iter().map(|p| (*p).clone()).collect();
            let speed = Speed { device: cx.studio.device(), runs: &cx.studio.runs };
            let time = estimate::about(speed.seconds(&whole));
            let button = if again {
                theme::button(ui, Some(ICON_PLAY_ARROW), text)
            } else {
                theme::primary_button(ui, Some(ICON_PLAY_ARROW), text)
            };
            let help = "Small runs, one after the other; they are kept among your runs";
            if button.on_hover_text(help).clicked() {
                let device = cx.studio.device().map_or_else(|| "cpu".into(), |d| d.id.clone());
                for part in whole {
                    let (recipe, device) = (Box::new(part.recipe), device.clone());
                    cx.send(Command::StartRun { recipe, from: None, device });
                }
            }
            theme::weak(ui, time);
            if self.lesson == Lesson::Two && is_built_in(&self.source) {
                theme::weak(ui, "· its pictures come with the studio: nothing is downloaded");
            }
            if let Some(run) = cx.studio.alive_run() {
                theme::weak(ui, format!("· begins when {} ends", format::shortened(&run.name, 20)));
            }
        });
    }

    fn choose_pictures(&mut self, ui: &mut Ui, cx: &Cx<'_>) {
        let title = |source: &str| built_in_title(source).map_or_else(|| short_name(source), Into::into);
        ui.label("Pictures");
        let combo = ComboBox::from_id_salt("lesson pictures").selected_text(title(&self.source)).show_ui(ui, |ui| {
            let own = cx.studio.datasets.iter().map(|d| d.source.as_str());
            let own: Vec<&str> = own.filter(|s| !BUILT_IN.contains(s) && !s.starts_with("points:")).collect();
            for source in BUILT_IN.into_iter().chain(own) {
                ui.selectable_value(&mut self.source, source.to_string(), title(source));
            }
        });
        combo.response.accessible_name("Pictures").on_hover_text("Built-in sets, and those you have opened in Data");
    }

    /// Two runs beside each other.
    fn pair(&self, ui: &mut Ui, cx: &mut Cx<'_>, parts: &[Part]) {
        let studio = cx.studio;
        let mut draw = |ui: &mut Ui, part: &Part| {
            runs::panel(ui, cx, &part.title, part.look, runs::named(studio, &part.recipe.name));
        };
        match parts {
            [first, second] if ui.available_width() >= NARROW => ui.columns(2, |columns| {
                draw(&mut columns[0], first);
                draw(&mut columns[1], second);
            }),
            _ => parts.iter().for_each(|part| draw(ui, part)),
        }
    }

    /// A slider over runs with different β: samples beside reconstructions.
    fn betas(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, parts: &[Part]) {
        ui.horizontal(|ui| {
            ui.label("β");
            let text = |i: f64, _: std::ops::RangeInclusive<usize>| {
                BETAS.get(i as usize).map_or_else(String::new, |b| format::number(*b))
            };
            let slider = Slider::new(&mut self.beta, 0..=BETAS.len() - 1).custom_formatter(text);
            theme::sliders_on_canvas(ui);
            ui.add(slider).accessible_name("β").on_hover_text("Which of the runs is shown");
        });
        let Some(part) = parts.get(self.beta) else { return };
        let studio = cx.studio;
        let run = runs::named(studio, &part.recipe.name);
        let left = |ui: &mut Ui, cx: &mut Cx<'_>| runs::panel(ui, cx, "Samples", part.look, run);
        let right = |ui: &mut Ui, cx: &mut Cx<'_>| {
            // In a row, as the heading of the samples beside it.
            ui.horizontal(|ui| theme::section(ui, "Pictures above, reconstructions below"));
            runs::sheet(ui, cx, run, Shown::Rebuilt, "Reconstruction");
        };
        if ui.available_width() >= NARROW {
            ui.columns(2, |columns| {
                left(&mut columns[0], cx);
                right(&mut columns[1], cx);
            });
        } else {
            left(ui, cx);
            right(ui, cx);
        }
    }

    /// All terms, or those in which what is looked for appears.
    fn words(&mut self, ui: &mut Ui) {
        let t = theme::tokens(ui);
        theme::text_field(ui, &mut self.query, "Find a term", 240.0, "Find a term");
        ui.add_space(size::S);
        let query = self.query.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&query);
        let found = GLOSSARY.iter().filter(|e| has(e.term) || e.also.iter().any(|a| has(a)) || has(e.says));
        let mut none = true;
        for entry in found {
            none = false;
            ui.label(RichText::new(entry.term).strong());
            ui.add(Label::new(entry.says).wrap());
            let at = match entry.also {
                [] => entry.at.to_string(),
                also => format!("{} · also: {}", entry.at, also.join(", ")),
            };
            ui.add(Label::new(RichText::new(at).size(size::SMALL).color(t.weak)).wrap());
            ui.add_space(size::S);
        }
        if none {
            theme::weak(ui, format!("No term for “{}”", self.query.trim()));
        }
    }
}

impl View for LearnView {
    fn id(&self) -> ViewId {
        ViewId::Learn
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        theme::toolbar(ui, |ui| {
            let options: Vec<(Lesson, &str)> = Lesson::iter().map(|l| (l, l.title())).collect();
            theme::segmented(ui, "Lesson", &mut self.lesson, &options);
        });
        let parts = self.parts(cx);
        self.load(&parts, cx);
        theme::page(ui, "learn", |ui| {
            ui.set_max_width(ui.available_width().min(COLUMN));
            theme::title(ui, self.lesson.title());
            ui.add(Label::new(self.lesson.text()).wrap());
            ui.add_space(size::S);
            if !parts.is_empty() {
                self.start(ui, cx, &parts);
                ui.add_space(size::M);
            }
            match self.lesson {
                Lesson::Two | Lesson::Collapse => self.pair(ui, cx, &parts),
                Lesson::Beta => self.betas(ui, cx, &parts),
                Lesson::Plane => self.plane.show(ui, cx),
                Lesson::Words => self.words(ui),
            }
        });
    }

    fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.plane.on_event(event);
        if let Event::RunLoaded { dir, previews, .. } = event
            && self.asked.contains(dir)
            && let Some(&images) = previews.last()
        {
            cx.send(Command::LoadPreview { dir: dir.clone(), images });
        }
    }

    fn receive(&mut self, message: &ViewMessage, cx: &mut Cx<'_>) {
        if let ViewMessage::Picked { purpose, paths } = message {
            self.plane.picked(purpose, paths, cx);
        }
    }

    fn on_show(&mut self, cx: &mut Cx<'_>) {
        cx.send(Command::ListData);
    }

    fn save(&self) -> serde_json::Value {
        serde_json::json!({ "source": self.source })
    }

    fn restore(&mut self, kept: &serde_json::Value) {
        if let Some(source) = kept["source"].as_str().filter(|s| !s.is_empty()) {
            self.source = source.into();
        }
    }
}

#[cfg(test)]
mod tests;
