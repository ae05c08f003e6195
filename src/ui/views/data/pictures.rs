//! The middle: the pictures, filtered by counters; broken files with reasons; duplicates in groups.

use std::borrow::Cow;
use std::collections::BTreeSet;

use egui::{Align, ComboBox, Key, Layout, RichText, ScrollArea, Sense, Ui, vec2};
use egui_material_icons::icons::{
    ICON_BLOCK, ICON_CHECK_CIRCLE, ICON_CONTENT_COPY, ICON_HIDE_IMAGE, ICON_HISTORY, ICON_MODEL_TRAINING, ICON_UNDO,
    ICON_WARNING,
};

use super::{DataView, Places, Thumbs, bar, built_in_title, short_name, source_help};
use crate::data::report::{DuplicateGroup, Survey};
use crate::recipe::marks::Marks;
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::textures::{self, Tex, Textures};
use crate::ui::theme::{self, Tone, size};
use crate::ui::views::{Cx, ViewId};
use crate::ui::widgets::picture_grid::{GridSource, Mark};

/// Height of a group of duplicates, in points.
const GROUP: f32 = 116.0;

/// Which pictures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Every usable picture.
    All,
    /// Files that cannot be used, with reasons.
    Broken,
    /// Groups of the same picture.
    Duplicates,
    /// Left out by hand.
    Excluded,
}

/// The grid's window on a survey.
struct Pictures<'a> {
    survey: &'a Survey,
    shown: &'a [u32],
    excluded: &'a BTreeSet<u32>,
    places: &'a Places,
    marks: &'a Marks,
    thumbs: &'a mut Thumbs,
    textures: &'a mut Textures,
    size: u32,
    command: Option<crate::engine::Command>,
}

impl GridSource for Pictures<'_> {
    fn len(&self) -> usize {
        self.shown.len()
    }

    fn key(&self, index: usize) -> u64 {
        self.places.key(self.shown[index])
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        let entry = &self.survey.entries[self.shown[index] as usize];
        let marks = DataView::foot(self.marks.get(&entry.name));
        let marks = if marks.is_empty() { marks } else { format!(" {marks}") };
        match &entry.caption {
            Some(caption) => format!("{} ({}×{}){marks}: {caption}", entry.name, entry.width, entry.height).into(),
            None => format!("{} ({}×{}){marks}", entry.name, entry.width, entry.height).into(),
        }
    }

    fn texture(&mut self, index: usize) -> Option<Tex> {
        let name = &self.survey.entries[self.shown[index] as usize].name;
        self.thumbs.get(self.textures, name, self.size)
    }

    fn request(&mut self, missing: &[usize]) {
        let names = missing.iter().map(|&i| self.survey.entries[self.shown[i] as usize].name.as_str());
        self.command = self.thumbs.ask(names, self.size);
    }

    fn mark(&self, index: usize) -> Mark<'_> {
        let faded = self.excluded.contains(&self.shown[index]);
        let name = self.survey.entries.get(self.shown[index] as usize).map_or("", |e| e.name.as_str());
        let foot = DataView::foot(self.marks.get(name)).into();
        Mark { faded, corner: if faded { "left out".into() } else { "".into() }, foot }
    }
}

impl DataView {
    /// The bar above: what is shown, size of pictures, and the button that goes on to training.
    pub(super) fn tools(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        let figures = self.figures(survey);
        let counters = [
            (Filter::All, "All", survey.entries.len()),
            (Filter::Broken, "Broken", survey.broken.len()),
            (Filter::Duplicates, "Duplicates", figures.spare),
            (Filter::Excluded, "Left out", self.excluded.len()),
        ];
        let (mut train, mut versions) = (false, false);
        bar(ui, "data tools", |ui| {
            let room = ui.available_width();
            let wide = room > 860.0;
            if wide {
                let source = &survey.source;
                let title = built_in_title(source).map_or_else(|| short_name(source), Into::into);
                let label = egui::Label::new(RichText::new(format::shortened(&title, 24)).size(size::STRONG));
                ui.add(label).on_hover_text(format!("{} · {}", survey.kind, source_help(source)));
                ui.add_space(size::S);
            }
            if room > 640.0 {
                let texts: Vec<(Filter, String)> =
                    counters.iter().map(|(f, t, n)| (*f, format!("{t} {}", format::count(*n as u64)))).collect();
                let options: Vec<(Filter, &str)> = texts.iter().map(|(f, t)| (*f, t.as_str())).collect();
                theme::segmented(ui, "Show", &mut self.filter, &options);
            } else {
                let text = |(_, t, n): &(Filter, &str, usize)| format!("{t} {}", format::count(*n as u64));
                let now = counters.iter().find(|c| c.0 == self.filter).map(text).unwrap_or_default();
                let combo = ComboBox::from_id_salt("data filter").selected_text(now).width(96.0).show_ui(ui, |ui| {
                    for counter in &counters {
                        ui.selectable_value(&mut self.filter, counter.0, text(counter));
                    }
                });
                combo.response.accessible_name("Show");
            }
            if figures.labels.len() > 1 && matches!(self.filter, Filter::All | Filter::Excluded) {
                self.label_choice(ui, &figures.labels);
            }
            let slider = 72.0;
            // Beside the button, or not at all.
            let fits = theme::left(ui) > slider + 200.0;
            theme::at_end(ui, |ui| {
                let able = self.can_train(survey);
                ui.add_enabled_ui(able.is_ok(), |ui| {
                    let usable = format::plural(figures.usable, "picture", "pictures");
                    let button = theme::primary_button(ui, Some(ICON_MODEL_TRAINING), "Train on these…");
                    let button = button.on_hover_text(format!("Set up a run with these {usable} (Ctrl+Enter)"));
                    let button = match &able {
                        Ok(()) => button,
                        Err(problem) => button.on_disabled_hover_text(problem.to_string()),
                    };
                    train = button.clicked();
                });
                if theme::left(ui) > 120.0 {
                    let button = theme::quiet_button(ui, Some(ICON_HISTORY), "Versions");
                    versions = button.on_hover_text("Note what the data are now, go back, compare").clicked();
                }
                if matches!(self.filter, Filter::All | Filter::Excluded) && fits {
                    ui.spacing_mut().slider_width = slider;
                    self.grid.size_slider(ui);
                }
            });
        });
        if train {
            self.train(survey, cx);
        }
        if versions {
            self.open_versions(cx);
        }
    }

    fn label_choice(&mut self, ui: &mut Ui, labels: &[String]) {
        let shown = format::shortened(self.label.as_deref().unwrap_or("All labels"), 16);
        let combo = ComboBox::from_id_salt("data label").selected_text(shown).width(104.0).show_ui(ui, |ui| {
            ui.selectable_value(&mut self.label, None, "All labels");
            for label in labels {
                ui.selectable_value(&mut self.label, Some(label.clone()), label);
            }
        });
        combo.response.accessible_name("Label").on_hover_text("Show only pictures with this label");
    }

    /// What the filter shows.
    pub(super) fn pictures(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        match self.filter {
            Filter::Broken => broken(ui, survey, cx),
            Filter::Duplicates => self.duplicates(ui, survey, cx),
            Filter::All | Filter::Excluded => self.picture_grid(ui, survey, cx),
        }
    }

    fn choose_shown(&mut self, survey: &Survey) {
        let by_marks = self.filter == Filter::Excluded || self.label.is_some();
        let revision = if by_marks { self.excluded_revision + self.marking.revision } else { 0 };
        let wanted = Some((survey.source.clone(), self.filter, self.label.clone(), revision));
        if self.shown_for == wanted {
            return;
        }
        self.shown_for = wanted;
        self.grid.revision += 1;
        let fits = |i: usize| {
            let label = self.label.is_none() || self.label_of(survey, i as u32) == self.label.as_deref();
            let out = self.filter == Filter::All || self.excluded.contains(&(i as u32));
            (label && out).then_some(i as u32)
        };
        self.shown = (0..survey.entries.len()).filter_map(fits).collect();
    }

    /// One picture as large as there is room; arrows go on, Escape or a click goes back.
    fn alone(&mut self, ui: &mut Ui, survey: &Survey, place: u32, cx: &mut Cx<'_>) {
        let t = theme::tokens(ui);
        self.hide_bar(ui);
        let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click());
        let name = survey.entries.get(place as usize).map_or("", |e| e.name.as_str());
        if self.thumbs.get_exactly(cx.textures, name, 256).is_none()
            && let Some(command) = self.thumbs.ask([name], 256)
        {
            cx.send(command);
        }
        if let Some(tex) = self.thumbs.get(cx.textures, name, 256) {
            let fitted = egui::Rect::from_center_size(rect.center(), tex.fit(rect.shrink(24.0).size()));
            textures::paint(ui.painter(), fitted, &tex, t);
            self.hidden_regions(ui, survey, place, fitted, cx);
        }
        theme::name(&response, egui::Role::Button, &format!("{name} enlarged"));
        let back = theme::back_button(ui, rect, "All pictures (Esc)");
        self.preview.want(Some(name));
        let keys = cx.has_keys(ViewId::Data);
        let pressed = |key| keys && ui.input(|i| i.key_pressed(key));
        let close = [Key::Escape, Key::Space, Key::Enter].into_iter().any(pressed);
        if response.on_hover_text(format!("{name}, click to see all")).clicked() || back || close {
            self.enlarged = None;
            return;
        }
        let step = i64::from(pressed(Key::ArrowRight)) - i64::from(pressed(Key::ArrowLeft));
        if step != 0 {
            let now = self.shown.binary_search(&place).unwrap_or(0) as i64;
            let next = (now + step).clamp(0, self.shown.len() as i64 - 1) as usize;
            self.enlarged = self.shown.get(next).map(|&place| self.places.key(place));
            self.grid.go_to(next);
        }
    }

    fn picture_grid(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        self.choose_shown(survey);
        // What is shown stands in the order of places.
        let is_shown = |place: &u32| self.shown.binary_search(place).is_ok();
        if let Some(place) = self.enlarged.and_then(|key| self.places.place(key)).filter(is_shown) {
            self.alone(ui, survey, place, cx);
            return;
        }
        if self.shown.is_empty() {
            let (icon, title, text) = if self.filter == Filter::Excluded {
                (ICON_CHECK_CIRCLE, "Nothing is left out", "Select pictures and press X to train without them")
            } else if survey.entries.is_empty() && survey.broken.is_empty() {
                (ICON_HIDE_IMAGE, "There are no pictures here", "Choose another source, or paste another path")
            } else if survey.entries.is_empty() {
                (ICON_HIDE_IMAGE, "No usable pictures", "See Broken for the reasons, or choose another source")
            } else {
                (ICON_HIDE_IMAGE, "No picture has this label", "Choose another label")
            };
            let action = (self.filter == Filter::Excluded || self.label.is_some()).then_some("Show all pictures");
            if theme::empty_state(ui, icon, title, text, action).is_some_and(|r| r.clicked()) {
                (self.filter, self.label) = (Filter::All, None);
            }
            return;
        }
        let selected = self.grid.selection.len();
        if selected > 0 {
            self.selection_bar(ui, survey, cx);
        }
        let size = Thumbs::size_for(self.grid.size * ui.ctx().pixels_per_point());
        let mut leave: Option<bool> = None;
        let out = egui::Frame::NONE
            .inner_margin(egui::Margin { left: 12, right: 8, top: 12, bottom: 0 })
            .show(ui, |ui| {
                let mut pictures = Pictures {
                    survey,
                    shown: &self.shown,
                    excluded: &self.excluded,
                    places: &self.places,
                    marks: &self.recipe.data.marks,
                    thumbs: &mut self.thumbs,
                    textures: cx.textures,
                    size,
                    command: None,
                };
                let out = self.grid.show(ui, "Pictures", &mut pictures, |ui, keys| {
                    let count = format::plural(keys.len() as u64, "picture", "pictures");
                    if ui.button(format!("Leave out {count}")).clicked() {
                        leave = Some(true);
                        ui.close();
                    }
                    if ui.button("Include again").clicked() {
                        leave = Some(false);
                        ui.close();
                    }
                });
                if let Some(command) = pictures.command {
                    cx.send(command);
                }
                out
            })
            .inner;
        if cx.has_keys(ViewId::Data) && !self.grid.selection.is_empty() && Self::delete_key(ui) {
            // All are out already: the key includes them again.
            leave = Some(!self.selected().iter().all(|place| self.excluded.contains(place)));
        }
        if cx.has_keys(ViewId::Data) && !self.grid.selection.is_empty() {
            self.mark_keys(ui);
        }
        if let Some(out) = leave {
            let places = self.selected();
            self.exclude(survey, &places, out, cx);
        }
        let place = |i: usize| self.shown.get(i).copied();
        if let Some(open) = out.opened.or(out.previewed).and_then(place) {
            self.enlarged = Some(self.places.key(open));
        }
        let at = out.hovered.or(self.grid.cursor()).or(Some(0)).and_then(place);
        self.preview.want(at.and_then(|place| survey.entries.get(place as usize)).map(|e| e.name.as_str()));
    }

    fn selection_bar(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        let t = theme::tokens(ui);
        let mut leave = None;
        egui::Frame::NONE.fill(t.panel).inner_margin(egui::Margin::symmetric(12, 2)).show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                ui.label(format!("{} selected", format::count(self.grid.selection.len() as u64)));
                if theme::quiet_button(ui, Some(ICON_BLOCK), "Leave out")
                    .on_hover_text("Train without them (X)")
                    .clicked()
                {
                    leave = Some(true);
                }
                if self.any_selected_is_out() && theme::quiet_button(ui, Some(ICON_UNDO), "Include again").clicked() {
                    leave = Some(false);
                }
                self.mark_buttons(ui);
            });
            self.mark_field(ui, survey, cx);
        });
        if let Some(out) = leave {
            let places = self.selected();
            self.exclude(survey, &places, out, cx);
        }
    }

    fn duplicates(&mut self, ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
        if survey.duplicates.is_empty() {
            theme::empty_state(ui, ICON_CHECK_CIRCLE, "No duplicates", "Every picture appears only once", None);
            return;
        }
        egui::Frame::NONE.inner_margin(egui::Margin::same(12)).show(ui, |ui| {
            let mut drop = self.recipe.data.drop_duplicates;
            let text = "Leave out all duplicates (only the first of each group is used)";
            if ui.checkbox(&mut drop, text).changed() {
                cx.undo_point(ViewId::Data, "leave out duplicates", super::View::snapshot(self));
                self.recipe.data.drop_duplicates = drop;
            }
            ui.add_space(size::S);
            let groups = survey.duplicates.len();
            let mut change = None;
            ScrollArea::vertical().id_salt("duplicates").auto_shrink(false).show_rows(
                ui,
                GROUP,
                groups,
                |ui, range| {
                    for group in &survey.duplicates[range] {
                        if let Some(out) = self.group(ui, survey, group, cx) {
                            change = Some((group, out));
                        }
                    }
                },
            );
            if let Some((group, out)) = change {
                self.exclude(survey, &group.entries[1..], out, cx);
            }
        });
    }

    /// One group; true or false if the others than the first shall be left out or included again.
    fn group(&mut self, ui: &mut Ui, survey: &Survey, group: &DuplicateGroup, cx: &mut Cx<'_>) -> Option<bool> {
        let t = theme::tokens(ui);
        let mut change = None;
        ui.allocate_ui(vec2(ui.available_width(), GROUP), |ui| {
            ui.set_min_height(GROUP);
            ui.horizontal(|ui| {
                let kind = if group.exact { "The same picture" } else { "Nearly the same picture" };
                ui.label(format!("{kind}, {} times", group.entries.len()));
                let mut out = group.entries[1..].iter().all(|i| self.excluded.contains(i));
                let all = self.recipe.data.drop_duplicates;
                ui.add_enabled_ui(!all, |ui| {
                    let toggle = ui.checkbox(&mut out, "Leave out all but the first");
                    let name = survey.entries.get(group.entries[0] as usize).map_or("", |e| e.name.as_str());
                    let toggle = toggle.accessible_name(format!("Leave out duplicates of {name}"));
                    if toggle.on_disabled_hover_text("All duplicates are left out already").changed() {
                        change = Some(out);
                    }
                });
            });
            let names = group.entries.iter().filter_map(|i| survey.entries.get(*i as usize)).map(|e| e.name.as_str());
            let missing: Vec<&str> = names.filter(|name| self.thumbs.get(cx.textures, name, 128).is_none()).collect();
            if let Some(command) = self.thumbs.ask(missing, 128) {
                cx.send(command);
            }
            ScrollArea::horizontal().id_salt(("group", group.entries[0])).show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = size::XS;
                    for (place, &i) in group.entries.iter().enumerate() {
                        let Some(entry) = survey.entries.get(i as usize) else { continue };
                        let (rect, response) = ui.allocate_exact_size(vec2(72.0, 72.0), Sense::hover());
                        if let Some(tex) = self.thumbs.get(cx.textures, &entry.name, 128) {
                            let fitted = egui::Rect::from_center_size(rect.center(), tex.fit(rect.size()));
                            textures::paint(ui.painter(), fitted, &tex, t);
                        } else {
                            ui.painter().rect_filled(rect, f32::from(size::RADIUS), t.raised);
                        }
                        let out = self.excluded.contains(&i) || self.recipe.data.drop_duplicates && place > 0;
                        if out {
                            ui.painter().rect_filled(rect, 0.0, t.canvas.gamma_multiply(0.7));
                        }
                        theme::name(&response, egui::Role::Image, &entry.name);
                        let text = format!("{} ({}×{})", entry.name, entry.width, entry.height);
                        response.on_hover_text(if out { format!("{text}, left out") } else { text });
                        if ui.rect_contains_pointer(rect) {
                            self.preview.want(Some(&entry.name));
                        }
                    }
                });
            });
        });
        change
    }
}

/// Files that cannot be used, each with its reason.
fn broken(ui: &mut Ui, survey: &Survey, cx: &mut Cx<'_>) {
    if survey.broken.is_empty() {
        theme::empty_state(ui, ICON_CHECK_CIRCLE, "Nothing is broken", "Every file can be used", None);
        return;
    }
    let t = theme::tokens(ui);
    egui::Frame::NONE.inner_margin(egui::Margin::same(12)).show(ui, |ui| {
        ui.horizontal(|ui| {
            let count = format::plural(survey.broken.len() as u64, "file", "files");
            theme::weak(ui, format!("{count} will be skipped; everything else can be used"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if theme::quiet_button(ui, Some(ICON_CONTENT_COPY), "Copy list").clicked() {
                    let lines: Vec<String> =
                        survey.broken.iter().map(|b| format!("{}\t{}", b.file, b.reason)).collect();
                    cx.push(Action::CopyText(lines.join("\n")));
                }
            });
        });
        ui.add_space(size::XS);
        let row = 44.0;
        ScrollArea::vertical().id_salt("broken").auto_shrink(false).show_rows(
            ui,
            row,
            survey.told.len(),
            |ui, range| {
                for file in &survey.told[range] {
                    ui.allocate_ui(vec2(ui.available_width(), row), |ui| {
                        ui.set_min_height(row);
                        ui.horizontal_top(|ui| {
                            theme::icon(ui, ICON_WARNING, size::ICON, Tone::Warn.colour(t), "");
                            ui.vertical(|ui| {
                                ui.spacing_mut().item_spacing.y = 0.0;
                                ui.add(egui::Label::new(&file.file).truncate());
                                let reason = RichText::new(&file.reason).size(size::SMALL).color(t.weak);
                                ui.add(egui::Label::new(reason).truncate());
                            });
                        });
                    });
                }
            },
        );
    });
}
