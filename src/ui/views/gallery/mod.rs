//! Every picture that was kept: filter, rate, tag, look closely, go back to where it was made.

mod deeds;
mod detail;
mod filter;
mod find;
pub(in crate::ui) mod likeness;
mod origin;
mod pairs;
mod preview;
mod source;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::HashMap;
use std::sync::Arc;

use egui::{Key, Modifiers, Ui};
use egui_material_icons::icons::ICON_PHOTO_LIBRARY;

use super::{Cx, KeyHelp, View, ViewId};
use crate::base::Picture;
use crate::engine::{Command, Event, Item, ItemFilter, Shelf};
use crate::ui::action::ViewMessage;
use crate::ui::command::UiCommand;
use crate::ui::format;
use crate::ui::state::Studio;
use crate::ui::theme::{self, size};
use crate::ui::widgets::export_dialog::ExportDialog;
use crate::ui::widgets::latent_slot::ghost;
use crate::ui::widgets::picture_grid::PictureGrid;
use source::{Source, Thumbs};

/// Seconds without a key after which a text filter is applied.
const PAUSE: f64 = 0.25;

/// What is laid over the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Overlay {
    /// One picture, large.
    One(i64),
    /// Two beside each other.
    Two(i64, i64),
    /// What a picture comes from and what came of it.
    Origin,
    /// What was made and kept, by week.
    Usage,
    /// Two pictures, of which the better one is chosen.
    Pairs,
}

/// What a part of the view wants to be done to kept pictures.
enum Deed {
    Rate(u8),
    Star(bool),
    Tag(String, bool),
    Trash(bool),
    Export,
    /// A film from each to the next.
    Film,
    StandHere,
    Compare,
    Copy,
    Preview,
    EmptyTrash,
    /// Show what looks like it.
    Alike,
    /// Show what its model and that one's relatives made.
    Family,
    /// Search for more like what is selected, or less.
    Like(bool),
    /// Move near-duplicates of what was found to the trash.
    ClearCopies,
    /// Show what it comes from and what came of it.
    Origin,
}

/// The view.
pub struct GalleryView {
    grid: PictureGrid,
    /// The pictures of the filter, as last listed, and the place of each by its number.
    items: Arc<Vec<Item>>,
    places: HashMap<u64, usize>,
    listed: bool,
    filter: ItemFilter,
    /// The filter that all pictures are shown of.
    of: Option<ItemFilter>,
    /// The filter that was asked for last, with the library's revision then.
    asked: Option<(ItemFilter, u64)>,
    typed: f64,
    thumbs: Thumbs,
    /// Pictures at full size, newest last.
    large: Vec<(i64, Arc<Picture>)>,
    asked_large: Option<i64>,
    /// Tags and models seen so far, for the filter.
    tags: Vec<String>,
    models: Vec<String>,
    new_tag: String,
    overlay: Option<Overlay>,
    origin: origin::Origin,
    usage: usage::UsagePage,
    pairs: pairs::Pairs,
    export: ExportDialog,
    confirm_empty: bool,
    /// A picture to go to once it is listed.
    go_to: Option<i64>,
    /// What the picture is called whose relatives are shown.
    relative_of: String,
    find: find::Find,
}

impl Default for GalleryView {
    fn default() -> Self {
        Self {
            grid: PictureGrid::new(128.0).justified(),
            items: Arc::default(),
            places: HashMap::new(),
            listed: false,
            filter: ItemFilter::default(),
            of: None,
            asked: None,
            typed: 0.0,
            thumbs: Thumbs::default(),
            large: Vec::new(),
            asked_large: None,
            tags: Vec::new(),
            models: Vec::new(),
            new_tag: String::new(),
            overlay: None,
            origin: origin::Origin::default(),
            usage: usage::UsagePage::default(),
            pairs: pairs::Pairs::default(),
            export: ExportDialog::default(),
            confirm_empty: false,
            go_to: None,
            relative_of: String::new(),
            find: find::Find::default(),
        }
    }
}

impl GalleryView {
    /// The selected ones, in the order of the grid.
    fn selected<'a>(&self, items: &'a [Item]) -> Vec<&'a Item> {
        let mut places: Vec<usize> = self.grid.selection.iter().filter_map(|k| self.places.get(&k).copied()).collect();
        places.sort_unstable();
        places.into_iter().filter_map(|p| items.get(p)).collect()
    }

    /// The place of a picture in the grid.
    fn place(&self, id: i64) -> Option<usize> {
        self.places.get(&(id as u64)).copied()
    }

    /// Lists again if the filter or the library changed.
    fn list(&mut self, cx: &mut Cx<'_>) {
        if self.keep_searching(cx) {
            return;
        }
        let wanted = (self.filter.clone(), cx.studio.items_revision);
        let typing = self.asked.as_ref().is_some_and(|a| a.0.text != self.filter.text) && cx.time - self.typed < PAUSE;
        if self.asked.as_ref() != Some(&wanted) && !typing {
            cx.send(Command::ListItems { filter: self.filter.clone() });
            self.asked = Some(wanted);
        }
    }

    /// Shows these.
    fn lay_out(&mut self, items: &Arc<Vec<Item>>) {
        self.grid.revision += 1;
        self.listed = true;
        self.items = items.clone();
        self.places = items.iter().enumerate().map(|(place, i)| (i.id as u64, place)).collect();
    }

    /// The picture at full size, asked for if it is not here.
    fn large(&mut self, id: i64, cx: &mut Cx<'_>) -> Option<Arc<Picture>> {
        let here = self.large.iter().find(|(i, _)| *i == id).map(|(_, p)| p.clone());
        if here.is_none() && self.asked_large != Some(id) {
            self.asked_large = Some(id);
            cx.send(Command::ItemDetail { id });
        }
        here
    }

    fn read_keys(&mut self, ui: &Ui, cx: &mut Cx<'_>) -> Option<Deed> {
        if !cx.has_keys(ViewId::Gallery) || self.export.is_open() || self.confirm_empty {
            return None;
        }
        // What is selected lies hidden below it.
        if matches!(self.overlay, Some(Overlay::Pairs | Overlay::Usage)) {
            return None;
        }
        let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        let digits = [Key::Num0, Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5];
        if let Some(rating) = digits.into_iter().position(pressed) {
            return Some(Deed::Rate(rating as u8));
        }
        if pressed(Key::Period) {
            let items = self.items.clone();
            let all = self.selected(&items).iter().all(|i| i.starred);
            return Some(Deed::Star(!all));
        }
        if pressed(Key::Delete) || pressed(Key::Backspace) {
            return Some(Deed::Trash(!self.filter.trashed));
        }
        let relatives = self.filter.alike.is_some() || self.filter.family.is_some();
        if self.overlay.is_none() && (relatives || self.find.is_on()) && pressed(Key::Escape) {
            self.show_all();
            self.end_search(cx);
            return None;
        }
        if self.overlay.is_none() && pressed(Key::P) {
            self.open_pairs(cx);
            return None;
        }
        let deeds = [
            (Key::C, Deed::Compare),
            (Key::A, Deed::Alike),
            (Key::F, Deed::Family),
            (Key::M, Deed::Like(true)),
            (Key::L, Deed::Like(false)),
            (Key::O, Deed::Origin),
        ];
        deeds.into_iter().find_map(|(key, deed)| pressed(key).then_some(deed))
    }

    /// Takes every filter off.
    fn show_all(&mut self) {
        self.set_no_conditions();
        self.filter = ItemFilter { sort: self.filter.sort, ..ItemFilter::default() };
    }

    fn pictures(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> Option<Deed> {
        let items = self.items.clone();
        if items.is_empty() {
            self.nothing(ui, cx);
            return None;
        }
        if let Some(place) = self.go_to.and_then(|id| self.place(id)) {
            self.grid.selection.only(items[place].id as u64);
            self.grid.go_to(place);
            self.go_to = None;
        }
        let ctx = ui.ctx().clone();
        let mut deed = None;
        let trash = self.filter.trashed;
        let why = self.find.marks();
        egui::Frame::new().inner_margin(egui::Margin::same(size::S as i8)).show(ui, |ui| {
            let mut source = Source {
                items: &items,
                studio: cx.studio,
                thumbs: &mut self.thumbs,
                textures: &mut *cx.textures,
                ctx: &ctx,
                why: &why,
                wanted: Vec::new(),
            };
            let response = self.grid.show(ui, "Kept pictures", &mut source, |ui, keys| {
                deed = detail::menu(ui, keys.len(), trash);
            });
            let wanted = source.wanted;
            if !wanted.is_empty() {
                cx.send(Command::ItemThumbs { ids: wanted });
            }
            if let Some(item) = response.previewed.or(response.opened).and_then(|i| items.get(i)) {
                self.grid.selection.only(item.id as u64);
                self.overlay = Some(Overlay::One(item.id));
            }
        });
        deed
    }

    fn nothing(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if !self.listed {
            return;
        }
        let filtered =
            self.find.is_on() || ItemFilter { sort: self.filter.sort, ..ItemFilter::default() } != self.filter;
        if let Some(problem) = self.find.problem.clone() {
            let text = problem.remedy.unwrap_or_else(|| "Remove the example above, or give another one".into());
            let button = theme::empty_state(ui, ICON_PHOTO_LIBRARY, &problem.what, &text, Some("Show all"));
            if button.is_some_and(|b| b.clicked()) {
                self.show_all();
                self.end_search(cx);
            }
        } else if self.find.is_on() && self.has_hidden_sets() {
            let text = "No saved picture was found. Pictures of data sets were not searched";
            let button = theme::empty_state(ui, ICON_PHOTO_LIBRARY, "Nothing here", text, Some("Search data sets too"));
            if button.is_some_and(|b| b.clicked()) {
                self.filter.shelf = Shelf::All;
            }
        } else if filtered {
            let text = "No saved picture matches this filter";
            let button = theme::empty_state(ui, ICON_PHOTO_LIBRARY, "Nothing here", text, Some("Show all"));
            if button.is_some_and(|b| b.clicked()) {
                self.show_all();
                self.end_search(cx);
            }
        } else if self.has_hidden_sets() {
            let text = "Pictures that you star in Explore are saved here. Data sets were imported too";
            let button = theme::empty_state(ui, ICON_PHOTO_LIBRARY, "No pictures yet", text, Some("Show data sets"));
            if button.is_some_and(|b| b.clicked()) {
                self.filter.shelf = Shelf::All;
            }
        } else {
            let text = "Pictures that you star in Explore are saved here, with everything needed to make them again";
            let button = theme::empty_state(ui, ICON_PHOTO_LIBRARY, "No pictures yet", text, Some("Explore a model"));
            if button.is_some_and(|b| b.clicked()) {
                cx.go(ViewId::Explore);
            }
        }
    }

    fn ask_empty(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if !self.confirm_empty {
            return;
        }
        let count = self.items.len() as u64;
        let modal = egui::Modal::new(egui::Id::unique("empty trash"))
            .frame(egui::Frame::popup(ui.style()).inner_margin(size::L))
            .show(ui.ctx(), |ui| {
                ui.set_width(360.0);
                theme::title(ui, "Empty the trash?");
                ui.label(format!(
                    "{} and their files will be deleted permanently. This cannot be undone.",
                    format::plural(count, "picture", "pictures")
                ));
                ui.add_space(size::S);
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if theme::danger_button(ui, None, "Empty the trash").clicked() {
                        cx.send(Command::EmptyTrash);
                        self.confirm_empty = false;
                    }
                    if theme::button(ui, None, "Cancel").clicked() {
                        self.confirm_empty = false;
                    }
                });
            });
        if modal.should_close() {
            self.confirm_empty = false;
        }
    }

    fn note_words(&mut self, items: &[Item]) {
        for item in items {
            if !self.models.contains(&item.model) {
                self.models.push(item.model.clone());
            }
            for tag in &item.tags {
                if !self.tags.contains(tag) {
                    self.tags.push(tag.clone());
                }
            }
        }
        self.models.sort();
        self.tags.sort();
    }
}

/// The model that made a picture, if it is here.
fn model_of(studio: &Studio, item: &Item) -> Option<String> {
    studio.maker(item).map(|m| m.model.clone())
}

impl View for GalleryView {
    fn id(&self) -> ViewId {
        ViewId::Gallery
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.list(cx);
        let mut deed = self.read_keys(ui, cx);
        deed = self.bar(ui, cx).or(deed);
        if self.overlay.is_some() {
            deed = self.show_overlay(ui, cx).or(deed);
        } else {
            deed = self.pictures(ui, cx).or(deed);
        }
        if let Some(deed) = deed {
            self.act(deed, cx);
        }
        self.ask_empty(ui, cx);
        self.export.show(ui, cx, ViewId::Gallery);
        ghost(ui.ctx(), cx.textures);
        self.list(cx);
    }

    fn has_inspector(&self, _studio: &Studio) -> bool {
        !self.items.is_empty()
    }

    fn inspector(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if let Some(deed) = self.show_detail(ui, cx) {
            self.act(deed, cx);
        }
    }

    fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.origin.on_event(event, cx);
        self.usage.on_event(event);
        self.pairs.on_event(event);
        match event {
            // Only for another filter: of the same one more is shown already, and some of it may be selected.
            Event::FirstItems { filter, items }
                if *filter == self.filter && self.of.as_ref() != Some(filter) && !self.find.is_on() =>
            {
                self.lay_out(items);
            }
            Event::Items { filter, items } => {
                self.note_words(items);
                if *filter == self.filter && !self.find.is_on() {
                    self.of = Some(filter.clone());
                    self.lay_out(items);
                    self.grid.selection.retain(|k| self.places.contains_key(&k));
                    // What is shown large may have gone to the trash.
                    let gone = |id: &i64| !self.places.contains_key(&(*id as u64));
                    self.overlay.take_if(|o| match o {
                        Overlay::One(id) => gone(id),
                        Overlay::Two(a, b) => gone(a) || gone(b),
                        Overlay::Origin | Overlay::Usage | Overlay::Pairs => false,
                    });
                }
            }
            Event::Found { ticket, answer } => self.found(*ticket, answer),
            Event::NotFound { ticket, problem } => self.not_found(*ticket, problem),
            Event::Facets(facets) => self.take_facets(facets),
            Event::ItemThumbs(thumbs) => self.thumbs.add(thumbs),
            Event::ItemDetail { item, picture } => {
                if self.asked_large == Some(item.id) {
                    self.asked_large = None;
                }
                self.large.retain(|(id, _)| *id != item.id);
                self.large.push((item.id, Arc::new(picture.clone())));
                if self.large.len() > 16 {
                    self.large.remove(0);
                }
            }
            _ => {}
        }
    }

    fn on_show(&mut self, cx: &mut Cx<'_>) {
        self.list(cx);
    }

    fn receive(&mut self, parcel: &ViewMessage, cx: &mut Cx<'_>) {
        match parcel {
            ViewMessage::Item(id) => {
                self.show_all();
                self.end_search(cx);
                self.go_to = Some(*id);
            }
            ViewMessage::Page("usage") => self.open_usage(),
            ViewMessage::Origin(names) => {
                self.origin.begin(names.clone(), cx);
                self.overlay = Some(Overlay::Origin);
            }
            ViewMessage::Page("pairs") => self.open_pairs(cx),
            ViewMessage::Picked { purpose, paths } if *purpose == find::IMPORT => self.import(paths, cx),
            ViewMessage::Picked { purpose, paths } => {
                self.export.picked(purpose, paths);
            }
            _ => {}
        }
    }

    fn on_drop(&mut self, paths: &[std::path::PathBuf], cx: &mut Cx<'_>) -> bool {
        self.drop_examples(paths, cx)
    }

    fn on_command(&mut self, command: UiCommand, cx: &mut Cx<'_>) -> bool {
        match command {
            UiCommand::Export => {
                if self.grid.selection.is_empty() {
                    let items = self.items.clone();
                    self.grid.selection.add(items.iter().map(|i| i.id as u64));
                }
                self.act(Deed::Export, cx);
                true
            }
            UiCommand::SelectAll => {
                let items = self.items.clone();
                self.grid.selection.add(items.iter().map(|i| i.id as u64));
                true
            }
            _ => false,
        }
    }

    fn keys(&self) -> Vec<KeyHelp> {
        [
            ("Space", "Enlarge the picture; arrows show the next one, Esc closes"),
            ("1–5, 0", "Rate, or clear the rating"),
            (".", "Star or unstar"),
            ("Del", "Move to the trash, or restore"),
            ("C", "Compare two"),
            ("A", "Find similar pictures"),
            ("M, L", "Search for more like the selected pictures, or less like them"),
            ("Drag", "On an enlarged picture: search for what is in the rectangle"),
            ("F", "Show its family: pictures from its model and related models"),
            ("O", "Show what it comes from and what came of it"),
            ("P", "Choose the better of two pictures, again and again"),
            ("Esc", "Show all again"),
        ]
        .map(|(keys, does)| KeyHelp { keys, does })
        .to_vec()
    }

    fn save(&self) -> serde_json::Value {
        serde_json::json!({ "size": self.grid.size, "sort": self.filter.sort })
    }

    fn restore(&mut self, kept: &serde_json::Value) {
        if let Some(size) = kept["size"].as_f64() {
            self.grid.size = (size as f32).clamp(32.0, 256.0);
        }
        if let Ok(sort) = serde_json::from_value(kept["sort"].clone()) {
            self.filter.sort = sort;
        }
    }
}
