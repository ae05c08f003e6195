//! One search over kept pictures and those of data sets: words, what is seen, "like these, unlike those", with filters.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{ComboBox, Key, Ui};
use egui_material_icons::icons::{
    ICON_BOOKMARK, ICON_CLOSE, ICON_DELETE, ICON_FILTER_LIST, ICON_LIBRARY_ADD, ICON_SEARCH, ICON_STACKS,
};

use super::{Cx, Deed, GalleryView, source};
use crate::base::Problem;
use crate::engine::{By, Command, Condition, Facets, Hit, Item, Sample, SearchAnswer, SearchRequest, Shelf};
use crate::ui::action::PickKind;
use crate::ui::format;
use crate::ui::theme::{self, Tone, size};
use crate::ui::view::ViewId;
use crate::ui::widgets::region::DrawnRegion;

/// Purpose of the dialog that chooses a folder to import.
pub(super) const IMPORT: &str = "import";
/// Pictures that are shown of what was found, at most.
const MOST: usize = 4800;
/// Labels and data sets that the menu of filters lists.
const LISTED: usize = 40;
/// Names of examples are shown up to so many letters.
const LETTERS: usize = 14;
/// Examples that are shown; of more the number is told.
const CHIPS: usize = 3;

/// A search, and what came of it.
#[derive(Default)]
pub(super) struct Find {
    /// What is searched for; none while the gallery lists.
    request: Option<SearchRequest>,
    /// Number of the newest question.
    ticket: u64,
    /// The library's revision when it was asked.
    revision: u64,
    answer: Option<Arc<SearchAnswer>>,
    pub problem: Option<Problem>,
    /// Whether pictures that are nearly the same as one before them are hidden.
    stacked: bool,
    /// Conditions as typed.
    conditions: String,
    /// The name under which a search is to be saved.
    name: String,
    facets: Option<Facets>,
    /// The library's revision when filters were listed.
    listed: Option<u64>,
    /// A region that is being drawn on a large picture.
    pub drawn: DrawnRegion,
}

impl Find {
    /// Whether what is shown was searched for.
    pub fn is_on(&self) -> bool {
        self.request.is_some()
    }

    /// Why a picture was found, for the grid.
    pub fn marks(&self) -> HashMap<i64, String> {
        let Some(answer) = &self.answer else { return HashMap::new() };
        let mut copies: HashMap<i64, usize> = HashMap::new();
        answer.copies.iter().for_each(|(_, first)| *copies.entry(*first).or_default() += 1);
        let mark = |hit: &Hit| {
            let by: Vec<&str> = hit.why.iter().map(|w| word(w.by)).collect();
            let more = copies.get(&hit.item.id).filter(|_| self.stacked).map_or(String::new(), |n| format!(" +{n}"));
            (hit.item.id, by.join(" · ") + &more)
        };
        answer.hits.iter().map(mark).collect()
    }

    /// Why a picture was found, in full.
    pub fn why(&self, id: i64) -> Vec<String> {
        let hit = self.answer.as_ref().and_then(|a| a.hits.iter().find(|h| h.item.id == id));
        hit.map_or_else(Vec::new, |h| {
            h.why.iter().map(|w| format!("{}, place {}: {}", word(w.by), w.rank, w.note)).collect()
        })
    }
}

/// What a way of finding is called on a picture.
fn word(by: By) -> &'static str {
    match by {
        By::Words => "words",
        By::Text => "shows it",
        By::Caption => "caption",
        By::Look => "look",
    }
}

impl GalleryView {
    /// Asks for what is in the search field, for pictures like the examples, or both; with nothing to ask for, lists again.
    pub(super) fn search_now(&mut self, like: Vec<Sample>, unlike: Vec<Sample>, cx: &mut Cx<'_>) {
        if self.filter.text.trim().is_empty() && like.is_empty() && unlike.is_empty() {
            return self.end_search(cx);
        }
        let request = SearchRequest {
            text: self.filter.text.trim().into(),
            like,
            unlike,
            shelf: self.filter.shelf,
            conditions: self.filter.conditions.clone(),
            ..SearchRequest::default()
        };
        self.start(request, cx);
    }

    fn start(&mut self, request: SearchRequest, cx: &mut Cx<'_>) {
        self.find.request = Some(request);
        self.overlay = None;
        self.ask(cx);
    }

    fn ask(&mut self, cx: &mut Cx<'_>) {
        let Some(request) = self.find.request.clone() else { return };
        self.find.ticket += 1;
        self.find.revision = cx.studio.items_revision;
        cx.send(Command::Search { ticket: self.find.ticket, request: Box::new(request) });
    }

    /// Back to the list of the filter.
    pub(super) fn end_search(&mut self, cx: &mut Cx<'_>) {
        self.find = Find {
            ticket: self.find.ticket,
            conditions: std::mem::take(&mut self.find.conditions),
            facets: self.find.facets.take(),
            listed: self.find.listed,
            ..Find::default()
        };
        (self.asked, self.of) = (None, None);
        self.list(cx);
    }

    /// Searches again what is on, if the filter or the library changed; says whether a search is on.
    pub(super) fn keep_searching(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.find.listed != Some(cx.studio.items_revision) {
            self.find.listed = Some(cx.studio.items_revision);
            cx.send(Command::ListFacets);
        }
        let Some(request) = &mut self.find.request else { return false };
        if request.shelf != self.filter.shelf || request.conditions != self.filter.conditions {
            request.shelf = self.filter.shelf;
            request.conditions.clone_from(&self.filter.conditions);
            self.ask(cx);
        } else if self.find.revision != cx.studio.items_revision {
            self.ask(cx);
        }
        true
    }

    pub(super) fn found(&mut self, ticket: u64, answer: &Arc<SearchAnswer>) {
        if ticket == self.find.ticket && self.find.is_on() {
            self.find.answer = Some(answer.clone());
            self.find.problem = None;
            self.lay_out_found();
        }
    }

    pub(super) fn not_found(&mut self, ticket: u64, problem: &Problem) {
        if ticket == self.find.ticket && self.find.is_on() {
            self.find.answer = None;
            self.find.problem = Some(problem.clone());
            self.lay_out(&Arc::default());
        }
    }

    pub(super) fn take_facets(&mut self, facets: &Facets) {
        self.find.facets = Some(facets.clone());
    }

    fn lay_out_found(&mut self) {
        let Some(answer) = self.find.answer.clone() else { return };
        let copies: HashSet<i64> = answer.copies.iter().map(|c| c.0).collect();
        let shown = answer.hits.iter().filter(|h| !self.find.stacked || !copies.contains(&h.item.id));
        let items: Vec<Item> = shown.map(|h| h.item.clone()).collect();
        self.note_words(&items);
        self.lay_out(&Arc::new(items));
        self.grid.selection.retain(|k| self.places.contains_key(&k));
    }

    /// More like what is selected, or less; added to what is searched for by examples already.
    pub(super) fn like(&mut self, ids: &[i64], more: bool, cx: &mut Cx<'_>) {
        let (mut like, mut unlike) =
            self.find.request.as_ref().map(|r| (r.like.clone(), r.unlike.clone())).unwrap_or_default();
        let all: Vec<Sample> = ids.iter().map(|id| Sample::Item(*id)).collect();
        like.retain(|s| !all.contains(s));
        unlike.retain(|s| !all.contains(s));
        if more {
            like.extend(all)
        } else {
            unlike.extend(all)
        }
        self.search_now(like, unlike, cx);
    }

    /// Takes dropped picture files as examples; says whether they were any.
    pub(super) fn drop_examples(&mut self, paths: &[PathBuf], cx: &mut Cx<'_>) -> bool {
        const ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];
        let is_picture = |p: &PathBuf| {
            let ending = p.extension().map(|e| e.to_string_lossy().to_lowercase());
            p.is_file() && ending.is_some_and(|e| ENDINGS.contains(&e.as_str()))
        };
        if paths.is_empty() || !paths.iter().all(is_picture) {
            return false;
        }
        let like = paths.iter().map(|p| Sample::File(p.clone())).collect();
        self.search_now(like, Vec::new(), cx);
        true
    }

    /// Imports what was chosen in a dialog.
    pub(super) fn import(&mut self, paths: &[PathBuf], cx: &mut Cx<'_>) {
        let sources: Vec<String> = paths.iter().map(|p| crate::data::joined(std::slice::from_ref(p))).collect();
        if !sources.is_empty() {
            let job = cx.new_job();
            cx.send(Command::ImportPictures { job, sources });
            self.filter.shelf = Shelf::All;
        }
    }

    /// The bar of filters, then that of a search.
    pub(super) fn find_bars(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> Option<Deed> {
        theme::toolbar(ui, |ui| {
            let title = |s: Shelf| match s {
                Shelf::Kept => "Kept",
                Shelf::Imported => "Data sets",
                Shelf::All => "Kept and data sets",
            };
            let combo = ComboBox::from_id_salt("shelf").selected_text(title(self.filter.shelf)).width(130.0);
            let combo = combo.show_ui(ui, |ui| {
                for shelf in [Shelf::Kept, Shelf::Imported, Shelf::All] {
                    ui.selectable_value(&mut self.filter.shelf, shelf, title(shelf));
                }
            });
            combo.response.accessible_name("Pictures of");
            self.conditions(ui, cx);
            self.filters(ui, cx);
            self.saved(ui, cx);
            if theme::icon_button(ui, ICON_LIBRARY_ADD, "Import a data set…").clicked() {
                cx.pick(ViewId::Gallery, IMPORT, PickKind::Folder, "Choose a folder of pictures to find", &[]);
            }
        });
        ui.add_space(-ui.spacing().item_spacing.y);
        if !self.find.is_on() {
            return None;
        }
        let mut deed = None;
        theme::toolbar(ui, |ui| deed = self.search_bar(ui, cx));
        ui.add_space(-ui.spacing().item_spacing.y);
        if self.find.request.as_ref().is_some_and(|r| !r.like.is_empty() || !r.unlike.is_empty()) {
            theme::toolbar(ui, |ui| self.chips(ui, cx));
            ui.add_space(-ui.spacing().item_spacing.y);
        }
        deed
    }

    /// The examples that are searched by, each with what takes it away.
    fn chips(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(request) = self.find.request.clone() else { return };
        let all = request.like.iter().map(|s| ("Like", s)).chain(request.unlike.iter().map(|s| ("Unlike", s)));
        let all: Vec<(&str, &Sample)> = all.collect();
        let mut taken = None;
        for (verb, sample) in all.iter().take(CHIPS) {
            let name = format!("{verb} {}", self.sample_name(sample));
            theme::badge(ui, Tone::Accent, &name);
            if theme::icon_button(ui, ICON_CLOSE, &format!("Remove {name}")).clicked() {
                taken = Some((*sample).clone());
            }
        }
        if all.len() > CHIPS {
            theme::weak(ui, format!("and {} more", all.len() - CHIPS));
        }
        if let Some(sample) = taken {
            let without = |all: &[Sample]| all.iter().filter(|s| **s != sample).cloned().collect::<Vec<_>>();
            self.search_now(without(&request.like), without(&request.unlike), cx);
        }
    }

    fn conditions(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let hint = "rating>=3 label=boot";
        let response = theme::text_field(ui, &mut self.find.conditions, hint, 150.0, "Filter");
        let response = response.on_hover_text(
            "Conditions that hold: model, data, label, tag, name, origin, rating, width, height, date, starred. Enter applies them",
        );
        if response.lost_focus() {
            match Condition::all(&self.find.conditions) {
                Ok(all) => self.filter.conditions = all,
                Err(problem) => cx.say(problem),
            }
        }
    }

    fn set_conditions(&mut self, all: Vec<Condition>) {
        let text: Vec<String> = all.iter().map(ToString::to_string).collect();
        self.find.conditions = text.join(" ");
        self.filter.conditions = all;
    }

    /// Whether data sets were imported that are not shown.
    pub(super) fn has_hidden_sets(&self) -> bool {
        self.filter.shelf == Shelf::Kept && self.find.facets.as_ref().is_some_and(|f| !f.sets.is_empty())
    }

    /// Takes every condition off.
    pub(super) fn set_no_conditions(&mut self) {
        self.set_conditions(Vec::new());
    }

    /// Adds a condition, in place of those on the same field; takes it away if it is there.
    fn toggle(&mut self, text: &str) {
        let Ok(new) = Condition::all(text) else { return };
        let mut all = self.filter.conditions.clone();
        let there = new.iter().all(|n| all.contains(n));
        all.retain(|c| new.iter().all(|n| n.field != c.field));
        if !there {
            all.extend(new);
        }
        self.set_conditions(all);
    }

    fn filters(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let icon = theme::icon_text(Some(ICON_FILTER_LIST), "", size::STRONG, theme::tokens(ui).text);
        let mut chosen: Option<String> = None;
        let facets = self.find.facets.clone().unwrap_or_default();
        let menu = ui.menu_button(icon, |ui| {
            ui.set_min_width(220.0);
            egui::ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
                let mut entry = |ui: &mut Ui, text: String, condition: String| {
                    let on =
                        Condition::all(&condition).is_ok_and(|c| c.iter().all(|c| self.filter.conditions.contains(c)));
                    if ui.selectable_label(on, text).clicked() {
                        chosen = Some(condition);
                    }
                };
                theme::section(ui, "Origin");
                entry(ui, "Real".into(), "origin=real".into());
                entry(ui, "Generated".into(), "origin=generated".into());
                theme::section(ui, "Size");
                entry(ui, "64 pixels or wider".into(), "width>=64".into());
                entry(ui, "256 pixels or wider".into(), "width>=256".into());
                for (title, field, all) in [("Data set", "data", &facets.sets), ("Label", "label", &facets.labels)] {
                    if !all.is_empty() {
                        theme::section(ui, title);
                    }
                    for (name, count) in all.iter().take(LISTED) {
                        let condition = format!("{field}=\"{}\"", name.replace('"', "\"\""));
                        entry(ui, format!("{name}  ({})", format::count(*count)), condition);
                    }
                }
            });
        });
        theme::name(&menu.response, egui::Role::Button, "Filters");
        if menu.response.on_hover_text("Origin, size, data set and label").clicked() {
            cx.send(Command::ListFacets);
        }
        if let Some(condition) = chosen {
            self.toggle(&condition);
            // Labels and data sets are those of imported pictures.
            if self.filter.shelf == Shelf::Kept && !self.filter.conditions.is_empty() {
                self.filter.shelf = Shelf::All;
            }
        }
    }

    fn saved(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let icon = theme::icon_text(Some(ICON_BOOKMARK), "", size::STRONG, theme::tokens(ui).text);
        let searches = self.find.facets.clone().unwrap_or_default().searches;
        let mut open = None;
        let menu = ui.menu_button(icon, |ui| {
            ui.set_min_width(240.0);
            theme::section(ui, "Saved searches");
            if searches.is_empty() {
                theme::weak(ui, "None yet. A saved search is an album that fills itself");
            }
            for (name, query) in &searches {
                ui.horizontal(|ui| {
                    if theme::icon_button(ui, ICON_CLOSE, &format!("Forget the search {name}")).clicked() {
                        cx.send(Command::ForgetSearch { name: name.clone() });
                    }
                    if ui.button(name).clicked() {
                        open = Some(query.clone());
                        ui.close();
                    }
                });
            }
            if let Some(request) = self.find.request.clone() {
                theme::section(ui, "Save this search");
                ui.horizontal(|ui| {
                    theme::text_field(ui, &mut self.find.name, "Name", 150.0, "Name of the search");
                    let named = !self.find.name.trim().is_empty();
                    if ui.add_enabled(named, egui::Button::new("Save")).clicked() {
                        let name = std::mem::take(&mut self.find.name).trim().to_string();
                        cx.send(Command::SaveSearch { name, request: Box::new(request) });
                    }
                });
            }
        });
        theme::name(&menu.response, egui::Role::Button, "Saved searches");
        menu.response.on_hover_text("Searches to open again, always with what there is now");
        if let Some(query) = open {
            self.open_saved(&query, cx);
        }
    }

    fn open_saved(&mut self, query: &str, cx: &mut Cx<'_>) {
        match serde_json::from_str::<SearchRequest>(query) {
            Ok(request) => {
                self.filter.text.clone_from(&request.text);
                self.filter.shelf = request.shelf;
                self.set_conditions(request.conditions.clone());
                self.start(request, cx);
            }
            Err(e) => cx.say(Problem::data("This saved search cannot be read").because(e)),
        }
    }

    fn search_bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> Option<Deed> {
        let (mut deed, mut more) = (None, false);
        match (&self.find.answer, &self.find.problem) {
            (_, Some(problem)) => {
                theme::badge(ui, Tone::Warn, &problem.what);
            }
            (Some(answer), _) => {
                let (found, limit) = (answer.hits.len(), self.find.request.as_ref().map_or(0, |r| r.limit));
                let found_text = format::plural(found as u64, "picture", "pictures");
                // Orders have no end: whatever is there fits somehow.
                let text =
                    if found == limit { format!("The best {found_text}") } else { format!("{found_text} found") };
                theme::weak(ui, text);
                more = found == limit && found < MOST;
            }
            (None, None) => {
                theme::weak(ui, "Searching…");
            }
        }
        if more && theme::quiet_button(ui, None, "Show more").clicked() {
            if let Some(request) = &mut self.find.request {
                request.limit = (request.limit * 2).min(MOST);
            }
            self.ask(cx);
        }
        let answer = self.find.answer.clone();
        for note in answer.iter().flat_map(|a| &a.notes).take(1) {
            let told = theme::badge(ui, Tone::Warn, "Not everything was searched");
            told.on_hover_text(note.to_string());
        }
        let copies = answer.map_or(0, |a| a.copies.len());
        if copies > 0 {
            let label = "Stack near-duplicates";
            if theme::icon_toggle(ui, ICON_STACKS, label, &mut self.find.stacked).clicked() {
                self.lay_out_found();
            }
            let clear =
                format!("Move {} to the trash", format::plural(copies as u64, "near-duplicate", "near-duplicates"));
            if self.find.stacked && theme::icon_button(ui, ICON_DELETE, &clear).clicked() {
                deed = Some(Deed::ClearCopies);
            }
        }
        if theme::quiet_button(ui, Some(ICON_CLOSE), "Show all").clicked() {
            self.show_all();
            self.end_search(cx);
        }
        deed
    }

    fn sample_name(&self, sample: &Sample) -> String {
        let name = match sample {
            Sample::Item(id) => match self.items.iter().find(|i| i.id == *id) {
                Some(Item { imported: Some(imported), .. }) => file_name(Path::new(&imported.name)),
                Some(item) => source::name(item),
                None => format!("picture {id}"),
            },
            Sample::File(path) => file_name(path),
            Sample::Region(id, _) => return format!("part of {}", self.sample_name(&Sample::Item(*id))),
        };
        if name.chars().count() > LETTERS { name.chars().take(LETTERS).chain(['…']).collect() } else { name }
    }

    /// Moves every picture that is nearly the same as one before it to the trash, as one change.
    pub(super) fn clear_copies(&mut self, cx: &mut Cx<'_>) {
        let Some(answer) = &self.find.answer else { return };
        let ids: Vec<i64> = answer.copies.iter().map(|c| c.0).collect();
        cx.send(Command::TrashItems { ids, trashed: true });
    }

    /// The button that searches, and Enter in the field before it.
    pub(super) fn search_button(&mut self, ui: &mut Ui, field: &egui::Response, cx: &mut Cx<'_>) {
        let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let help = "Find by what is shown too (Enter)";
        if (theme::icon_button(ui, ICON_SEARCH, help).clicked() || entered) && !self.filter.text.trim().is_empty() {
            let (like, unlike) =
                self.find.request.as_ref().map(|r| (r.like.clone(), r.unlike.clone())).unwrap_or_default();
            self.search_now(like, unlike, cx);
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}
