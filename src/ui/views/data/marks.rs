//! Labels, weights and tags of pictures: set in bulk for what is selected, kept in the library, taken back by Undo.

use std::collections::BTreeSet;

use egui::{Key, Ui};
use egui_material_icons::icons::{ICON_BALANCE, ICON_LABEL, ICON_SELL};

use super::DataView;
use crate::data::report::Survey;
use crate::engine::{Command, RecordsCommand, RecordsEvent};
use crate::library::marks::{MarkEdit, step};
use crate::recipe::DataRecipe;
use crate::recipe::marks::{Mark, Marks};
use crate::ui::theme;
use crate::ui::views::{Cx, View, ViewId};

/// What is being typed for the selected pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typing {
    Label,
    Weight,
    Tag,
}

/// Names with marks before and after.
type Changed = Vec<(String, Mark, Mark)>;

/// What the library knows of the marks of the present source, and what is being typed.
#[derive(Default)]
pub(super) struct Marking {
    /// The source, and its marks as the library was told or told itself last.
    known: Option<(String, Marks)>,
    /// The source that was asked for.
    asked: Option<String>,
    /// Answers that are still to come: until then what they say is old.
    awaited: usize,
    /// Grows with every change of marks.
    pub revision: u64,
    /// The revision that the library knows.
    told: u64,
    /// What others changed, or going back to a version: each with its source, and names with marks before and after. Undo
    /// of what was set here leaves it.
    pub outside: Vec<(String, Changed)>,
    typing: Option<Typing>,
    text: String,
    /// Sources whose marks the library has; what is told of others here was set before it had any.
    pub synced: BTreeSet<String>,
    /// Sources whose marks were set before the library told of them.
    pub untold: BTreeSet<String>,
}

/// Marks that differ.
fn changed(before: &Marks, after: &Marks) -> Changed {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |marks: &Marks, name: &String| marks.get(name).cloned().unwrap_or_default();
    let all = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    all.map(|name| (name.clone(), of(before, name), of(after, name))).collect()
}

impl DataView {
    /// Asks the library for the marks of the present source, where that was not done yet (or `again`).
    pub(super) fn ask_marks(&mut self, again: bool, cx: &mut Cx<'_>) {
        let Some(source) = self.source().map(str::to_owned) else { return };
        if again || self.marking.asked.as_ref() != Some(&source) {
            self.marking.asked = Some(source.clone());
            self.marking.awaited += 1;
            cx.send(Command::Records(RecordsCommand::Marks { source }));
        }
    }

    /// Takes over what the library told, unless something else was set since.
    pub(super) fn take_marks(&mut self, event: &RecordsEvent, survey: Option<&Survey>) {
        let RecordsEvent::Marks { source, marks } = event else { return };
        self.marking.awaited = self.marking.awaited.saturating_sub(1);
        if self.source() != Some(source.as_str()) || self.marking.awaited > 0 {
            return;
        }
        let new = self.marking.known.as_ref().is_none_or(|(known, _)| known != source);
        let first = new && self.marking.synced.insert(source.clone());
        let untold = self.marking.untold.remove(source);
        self.marking.known = Some((source.clone(), marks.clone()));
        let mut now = marks.clone();
        for (name, mark) in self.recipe.data.all_marks() {
            if untold {
                // Set here while the library was not asked yet.
                now.insert(name, mark);
            } else if first {
                // What was left out before there was a library of it stays so.
                now.entry(name).or_insert(mark);
            }
        }
        let tell = now != *marks;
        let before = self.recipe.data.all_marks();
        if before != now {
            if !first && !untold {
                self.marking.outside.push((source.clone(), changed(&before, &now)));
            }
            self.recipe.data.set_marks(now);
            self.marks_changed(survey);
        }
        if tell {
            self.marking.revision += 1;
        } else {
            self.marking.told = self.marking.revision;
        }
    }

    /// Finds again what marks decide.
    pub(super) fn marks_changed(&mut self, survey: Option<&Survey>) {
        self.marking.revision += 1;
        let source = self.source().map(str::to_owned);
        if let Some(source) = source.filter(|s| self.marking.known.as_ref().is_none_or(|(known, _)| known != s)) {
            self.marking.untold.insert(source);
        }
        self.shown_for = None;
        if let Some(survey) = survey {
            self.place_excluded(survey);
        }
    }

    /// Tells the library what was set since it was told last.
    pub(super) fn tell_marks(&mut self, cx: &mut Cx<'_>) {
        let Some((source, known)) = &self.marking.known else { return };
        if self.marking.told == self.marking.revision || self.source() != Some(source.as_str()) {
            return;
        }
        self.marking.told = self.marking.revision;
        let now = self.recipe.data.all_marks();
        let marks: Vec<(String, Mark)> =
            changed(known, &now).into_iter().map(|(name, _, after)| (name, after)).collect();
        if marks.is_empty() {
            return;
        }
        let pictures = if marks.len() == 1 { "a picture".to_owned() } else { format!("{} pictures", marks.len()) };
        let (source, title) = (source.clone(), format!("Mark {pictures} of the data"));
        self.marking.known = Some((source.clone(), now));
        self.marking.awaited += 1;
        cx.send(Command::Records(RecordsCommand::SetMarks { source, title, marks }));
    }

    /// The label that a picture has: the one that was set, else that of the source.
    pub(super) fn label_of<'a>(&'a self, survey: &'a Survey, place: u32) -> Option<&'a str> {
        let entry = survey.entries.get(place as usize)?;
        let own = entry.label.and_then(|l| survey.labels.get(l as usize)).map(String::as_str);
        Mark::label_over(self.recipe.data.marks.get(&entry.name), own)
    }

    /// Puts into a state of before what others changed since, the first `seen` of which it had: they set it last.
    pub(super) fn keep_outside(&self, data: &mut DataRecipe, seen: usize) {
        let since = self.marking.outside.iter().skip(seen).filter(|(source, _)| *source == data.source);
        let mut marks = data.all_marks();
        for (name, before, after) in since.flat_map(|(_, changed)| changed) {
            let mark = marks.entry(name.clone()).or_default();
            *mark = step(mark, before, after).unwrap_or_else(|| after.clone());
        }
        marks.retain(|_, mark| !mark.is_empty());
        data.set_marks(marks);
    }

    /// Sets something for pictures, as one step that can be taken back.
    pub(super) fn mark(&mut self, survey: &Survey, places: &[u32], edit: MarkEdit, cx: &mut Cx<'_>) {
        let edit = match edit.checked() {
            Ok(edit) => edit,
            Err(problem) => return cx.say(problem),
        };
        let title = edit.title(places.len());
        let mut letters = title.chars();
        let label: String = letters.next().map(|c| c.to_lowercase().chain(letters).collect()).unwrap_or_default();
        cx.undo_point(ViewId::Data, label, self.snapshot());
        let mut marks = self.recipe.data.all_marks();
        for entry in places.iter().filter_map(|place| survey.entries.get(*place as usize)) {
            let mark = edit.of(marks.get(&entry.name).unwrap_or(&Mark::default()));
            marks.insert(entry.name.clone(), mark);
        }
        marks.retain(|_, mark| !mark.is_empty());
        self.recipe.data.set_marks(marks);
        self.marks_changed(Some(survey));
    }

    /// Buttons that set something for the selected pictures.
    pub(super) fn mark_buttons(&mut self, ui: &mut Ui) {
        let buttons = [
            (Typing::Label, ICON_LABEL, "Label…", "Give the selected pictures a label (B)"),
            (
                Typing::Weight,
                ICON_BALANCE,
                "Weight…",
                "Show the selected pictures more or less often while training (W)",
            ),
            (Typing::Tag, ICON_SELL, "Tag…", "Add a tag to the selected pictures (T)"),
        ];
        for (typing, icon, text, help) in buttons {
            if theme::quiet_button(ui, Some(icon), text).on_hover_text(help).clicked() {
                self.type_in(typing);
            }
        }
    }

    fn type_in(&mut self, typing: Typing) {
        self.marking.typing = if self.marking.typing == Some(typing) { None } else { Some(typing) };
        self.marking.text.clear();
    }

    /// Keys that begin to set something.
    pub(super) fn mark_keys(&mut self, ui: &Ui) {
        for (key, typing) in [(Key::B, Typing::Label), (Key::W, Typing::Weight), (Key::T, Typing::Tag)] {
            if ui.input_mut(|i| i.consume_key(egui::Modifiers::NONE, key)) {
                self.type_in(typing);
            }
        }
    }

    /// The field in which a label, a weight or a tag is typed.
    pub(super) fn mark_field(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        let Some(typing) = self.marking.typing else { return };
        let (hint, name, verb) = match typing {
            Typing::Label => ("Label; empty for none", "Label of the selected pictures", "Set label"),
            Typing::Weight => ("1 is as often as others, 0 never", "Weight of the selected pictures", "Set weight"),
            Typing::Tag => ("Tag", "Tag of the selected pictures", "Add tag"),
        };
        let mut edit = None;
        ui.horizontal_wrapped(|ui| {
            let field = theme::text_field(ui, &mut self.marking.text, hint, 180.0, name);
            if !field.has_focus() && !field.lost_focus() && self.marking.text.is_empty() {
                field.request_focus();
            }
            let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            if theme::button(ui, None, verb).clicked() || entered {
                edit = Some(self.typed(typing));
            }
            match typing {
                Typing::Label if theme::quiet_button(ui, None, "As in the source").clicked() => {
                    edit = Some(Ok(MarkEdit::Label(None)));
                }
                Typing::Tag if theme::quiet_button(ui, None, "Remove tag").clicked() => {
                    edit = Some(Ok(MarkEdit::Untag(self.marking.text.clone())));
                }
                _ => {}
            }
            if theme::quiet_button(ui, None, "Cancel").clicked() || ui.input(|i| i.key_pressed(Key::Escape)) {
                self.marking.typing = None;
            }
        });
        match edit {
            None => {}
            Some(Ok(edit)) => {
                self.marking.typing = None;
                let places = self.selected();
                self.mark(survey, &places, edit, cx);
            }
            Some(Err(problem)) => cx.say(problem),
        }
    }

    fn typed(&self, typing: Typing) -> Result<MarkEdit, crate::base::Problem> {
        let text = self.marking.text.trim();
        Ok(match typing {
            Typing::Label => MarkEdit::Label(Some(text.into())),
            Typing::Tag => MarkEdit::Tag(text.into()),
            Typing::Weight => MarkEdit::Weight(Some(text.replace(',', ".").parse().map_err(|_| {
                crate::base::Problem::usage("A weight is a number").of(text).try_this("Type one such as 2 or 0.5")
            })?)),
        })
    }

    /// What a mark shows on a picture: its weight, its tags.
    pub(super) fn foot(mark: Option<&Mark>) -> String {
        let Some(mark) = mark else { return String::new() };
        let weight = mark.weight.map(|w| format!("×{w}"));
        let label = mark.label.as_ref().map(|l| if l.is_empty() { "no label".to_owned() } else { l.clone() });
        let tags = mark.tags.iter().map(|tag| format!("#{tag}"));
        label.into_iter().chain(weight).chain(tags).collect::<Vec<_>>().join(" ")
    }
}
