//! A recipe as a form, made from [`crate::recipe::form::FIELDS`]: common settings on top, the rest in groups below.
//!
//! The form never changes a recipe itself: it reports [`Change`]s, and the view that owns the recipe applies them with
//! [`crate::recipe::json_path::set`] or sends them to a run.

mod control;
mod sides;
mod words;

use egui::{Align, CollapsingHeader, Layout, RichText, Ui};
use egui_material_icons::icons::{ICON_LOCK, ICON_UNDO};
use serde_json::Value;
use strum::IntoEnumIterator as _;

use crate::base::{Family, Problem, Resolution};
use crate::recipe::advice::Known;
use crate::recipe::form::{FIELDS, Field, Group, Input};
use crate::recipe::{Recipe, compatibility};
use crate::ui::theme::{self, size};
pub use words::{option_title, value_text};

/// A setting that a person changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Path in the recipe.
    pub key: &'static str,
    /// Title, for the undo menu.
    pub title: &'static str,
    /// Its new value.
    pub value: Value,
    /// The first change of a drag or of typing: the moment to keep a state for Undo.
    pub began: bool,
    /// The person let go: the moment to tell a run.
    pub done: bool,
}

/// What a form is drawn for.
#[derive(Clone, Copy, Debug)]
pub struct FormOptions<'a> {
    /// What resetting goes back to.
    pub defaults: &'a Recipe,
    /// Which settings there are.
    pub family: Family,
    /// While a run is on only live settings may change; the others show a lock.
    pub running: bool,
    /// Only these groups; empty for all.
    pub groups: &'a [Group],
    /// Settings shown elsewhere in the view.
    pub hide: &'a [&'a str],
    /// What is wrong, shown at the setting it names.
    pub problem: Option<&'a Problem>,
    /// All settings at once, without folding groups.
    pub flat: bool,
    /// What is offered for a setting.
    pub suggestion: Option<&'a Suggestion>,
}

/// A value that is offered for a setting, at one click.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// Path of the setting.
    pub key: &'static str,
    /// The value.
    pub value: Value,
    /// What the button says.
    pub text: String,
    /// Why it is offered.
    pub help: String,
}

impl Suggestion {
    /// The shape of the pictures themselves, where a crop to the one that is set loses much of them.
    pub fn shape(known: &Known, now: Resolution) -> Option<Self> {
        let own = known.shaped(now)?;
        let (width, height) = known.aspect;
        Some(Self {
            key: "data.resolution",
            value: serde_json::to_value(own).ok()?,
            text: format!("Use {} × {}", own.width, own.height),
            help: format!("Most of these pictures are about {width}:{height}; another shape crops them"),
        })
    }
}

/// A form's own state: what is being dragged or typed.
#[derive(Debug, Default)]
pub struct Form {
    /// The setting that is being changed and the value it has meanwhile.
    draft: Option<(&'static str, Value)>,
    known: Option<(Recipe, Value)>,
    defaults: Option<(Recipe, Value)>,
}

/// What stands at a setting while a run is on that was fixed when it began.
const LOCKED: &str = "Fixed when the run began. To change it, start a new run from this one's model";

impl Form {
    /// Draws the form in the width there is.
    pub fn show(&mut self, ui: &mut Ui, recipe: &Recipe, options: &FormOptions<'_>) -> Option<Change> {
        renew(&mut self.known, recipe);
        renew(&mut self.defaults, options.defaults);
        let shown = |f: &&Field| {
            f.family.is_none_or(|family| family == options.family)
                && (options.groups.is_empty() || options.groups.contains(&f.group))
                && !options.hide.contains(&f.key)
                && !compatibility::is_foreign(recipe, f.key)
        };
        let mut change = None;
        for field in FIELDS.iter().filter(shown).filter(|f| f.common || options.flat) {
            self.field(ui, field, options, &mut change);
        }
        for group in Group::iter().filter(|_| !options.flat) {
            let fields: Vec<&Field> = FIELDS.iter().filter(shown).filter(|f| !f.common && f.group == group).collect();
            if fields.is_empty() {
                continue;
            }
            let changed = fields.iter().filter(|f| self.is_changed(f.key)).count();
            let wrong = fields.iter().any(|f| error_of(f, options).is_some());
            let t = theme::tokens(ui);
            let mut title = RichText::new(words::group_title(group)).color(t.text);
            if changed > 0 {
                title = RichText::new(format!("{} · {changed} changed", words::group_title(group))).color(t.text);
            }
            if wrong {
                title = title.color(t.bad);
            }
            CollapsingHeader::new(title)
                .id_salt(("form group", words::group_title(group)))
                .open(wrong.then_some(true))
                .show_unindented(ui, |ui| {
                    for field in fields {
                        self.field(ui, field, options, &mut change);
                    }
                    ui.add_space(size::S);
                });
        }
        if change.as_ref().is_some_and(|c| c.done) {
            self.draft = None;
        }
        change
    }

    /// Whether a setting differs from what resetting goes back to.
    fn is_changed(&self, key: &str) -> bool {
        let at = |known: &Option<(Recipe, Value)>| known.as_ref().and_then(|(_, v)| lookup(v, key).cloned());
        at(&self.known) != at(&self.defaults)
    }

    fn field(&mut self, ui: &mut Ui, field: &'static Field, options: &FormOptions<'_>, change: &mut Option<Change>) {
        let Some(stored) = self.known.as_ref().and_then(|(_, v)| lookup(v, field.key)).cloned() else { return };
        let default = self.defaults.as_ref().and_then(|(_, v)| lookup(v, field.key)).cloned();
        let value = match &self.draft {
            Some((key, value)) if *key == field.key => value.clone(),
            _ => stored.clone(),
        };
        let t = theme::tokens(ui);
        let locked = options.running && !field.live;
        let changed = default.as_ref().is_some_and(|d| *d != stored);
        let error = error_of(field, options);
        let recipe = self.known.as_ref().map(|(r, _)| r);
        // What is wrong has to be put right, whether it has an effect or not.
        let idle = recipe.filter(|_| error.is_none() && !locked).and_then(|r| compatibility::idle(r, field.key));
        let refuse = |value: &Value| recipe.and_then(|r| compatibility::refuses(r, field.key, value));
        let mut out = control::Outcome::default();
        ui.push_id(field.key, |ui| {
            ui.spacing_mut().item_spacing.y = size::XS;
            ui.horizontal(|ui| {
                ui.set_min_height(size::CONTROL);
                ui.spacing_mut().item_spacing.x = size::XS;
                let colour = if error.is_some() {
                    t.bad
                } else if locked || idle.is_some() {
                    t.disabled
                } else {
                    t.text
                };
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let on = !locked && idle.is_none();
                    ui.add_enabled_ui(on, |ui| control::entry(ui, field, &value, &refuse, &mut out));
                    if locked {
                        theme::icon(ui, ICON_LOCK, size::BODY, t.disabled, LOCKED);
                    } else if changed && let Some(default) = &default {
                        let help = format!("Reset {} to {}", field.title, value_text(field, default));
                        if theme::icon_button_toned(ui, ICON_UNDO, &help, t.accent, false).clicked() {
                            out.set(default.clone(), true);
                        }
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let label = egui::Label::new(RichText::new(field.title).color(colour)).truncate();
                        let label = ui.add(label.sense(egui::Sense::hover()));
                        if changed && !locked {
                            // A dot that says: not as it was.
                            let dot = label.rect.left_center() - egui::vec2(6.0, 0.0);
                            ui.painter().circle_filled(dot, 2.0, t.accent);
                        }
                        label.on_hover_ui(|ui| help(ui, field, default.as_ref(), locked, idle.as_deref()));
                    });
                });
            });
            if !locked && idle.is_none() {
                control::below(ui, field, &value, &mut out);
                if let Some(s) = options.suggestion.filter(|s| s.key == field.key)
                    && theme::quiet_button(ui, None, &s.text).on_hover_text(&s.help).clicked()
                {
                    out.set(s.value.clone(), true);
                }
            }
            if let Some(problem) = error {
                let text = match &problem.remedy {
                    Some(remedy) => format!("{}. {remedy}", problem.what),
                    None => problem.what.clone(),
                };
                ui.add(egui::Label::new(RichText::new(text).size(size::SMALL).color(t.bad)).wrap());
            }
        });
        self.take(field, out, change);
    }

    fn take(&mut self, field: &'static Field, out: control::Outcome, change: &mut Option<Change>) {
        let dragging = out.busy;
        let held = self.draft.as_ref().is_some_and(|(key, _)| *key == field.key);
        let Some(value) = out.value.clone().or_else(|| {
            // Let go without a last movement: what was shown is what is meant.
            (held && out.released).then(|| self.draft.as_ref().map(|(_, v)| v.clone())).flatten()
        }) else {
            if held && !dragging {
                self.draft = None;
            }
            return;
        };
        let done = out.released || !dragging;
        *change = Some(Change { key: field.key, title: field.title, value: value.clone(), began: !held, done });
        self.draft = (!done).then_some((field.key, value));
    }
}

fn renew(known: &mut Option<(Recipe, Value)>, recipe: &Recipe) {
    if known.as_ref().is_none_or(|(r, _)| r != recipe) {
        *known = Some((recipe.clone(), serde_json::to_value(recipe).unwrap_or_default()));
    }
}

fn lookup<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(value, |v, part| v.get(part))
}

/// The problem of this setting: its subject begins with the setting's path.
fn error_of<'a>(field: &Field, options: &FormOptions<'a>) -> Option<&'a Problem> {
    let problem = options.problem?;
    let subject = problem.subject.as_deref()?;
    subject.split([' ', ',', '=']).any(|word| word == field.key).then_some(problem)
}

fn help(ui: &mut Ui, field: &Field, default: Option<&Value>, locked: bool, idle: Option<&str>) {
    let t = theme::tokens(ui);
    ui.label(RichText::new(field.title).strong());
    ui.label(field.help);
    let range = match field.input {
        Input::Size { min, max, ratio, .. } => Some(format!("{min} to {max} a side, at most {ratio} to 1")),
        Input::Int { min, max, .. } if max < 1_000_000 => Some(format!("{min} to {max}")),
        Input::Float { min, max, .. } | Input::Schedule { min, max, .. } => {
            Some(format!("{} to {}", words::short(min), words::short(max)))
        }
        _ => None,
    };
    let default = default.map(|d| format!("Default: {}", value_text(field, d)));
    let facts: Vec<String> = default.into_iter().chain(range).collect();
    if !facts.is_empty() {
        ui.label(RichText::new(facts.join(" · ")).size(size::SMALL).color(t.weak));
    }
    if field.live {
        ui.label(RichText::new("Can be changed during the run").size(size::SMALL).color(t.weak));
    }
    if locked {
        ui.label(RichText::new(LOCKED).size(size::SMALL).color(t.warn));
    }
    if let Some(why) = idle {
        ui.label(RichText::new(format!("No effect now: {why}")).size(size::SMALL).color(t.warn));
    }
}

#[cfg(test)]
mod tests;
