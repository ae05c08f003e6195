//! The left: where pictures come from. Also the first page, before any source is chosen.

use egui::{ComboBox, RichText, ScrollArea, Ui};
use egui_material_icons::icons::{
    ICON_CATEGORY, ICON_CHECKROOM, ICON_CLOSE, ICON_FILE_OPEN, ICON_FOLDER, ICON_FOLDER_OPEN, ICON_MOOD, ICON_REFRESH,
};

use super::DataView;
use crate::data::{WAITING, absolute, joined, name_of, path_of};
use crate::ui::action::{Action, PickKind};
use crate::ui::format;
use crate::ui::theme::{self, Icon, size};
use crate::ui::views::{Cx, ViewId};
use crate::ui::widgets::drop_target::{self, DropState, PURPOSE};

/// Sources that are always there: name, title, what it is.
pub const BUILT_IN: [(&str, &str, &str); 5] = [
    ("emoji:faces", "Emoji faces", "Round faces from Twemoji; small and quick to learn"),
    ("emoji:smileys", "Emoji smileys", "Smileys and emotion"),
    ("emoji", "All emoji", "Everything in Twemoji, without skin tones"),
    ("fashion", "Clothes", "5,000 small grey pictures in ten classes, from Fashion-MNIST"),
    ("shapes", "Shapes", "Drawn from known factors: shape, colour, size, angle, position"),
];

/// Title of a built-in source.
pub fn built_in_title(source: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|b| b.0 == source).map(|b| b.1)
}

/// What to call a source: the last part of its path, without its ending; of several the first, or the folder they all
/// lie in, and how many there are.
pub fn short_name(source: &str) -> String {
    if let Some(title) = built_in_title(source) {
        return title.to_lowercase();
    }
    let paths: Vec<_> = source.lines().map(path_of).collect();
    let [first, others @ ..] = paths.as_slice() else { return source.to_owned() };
    let name = name_of(source).unwrap_or_else(|| source.to_owned());
    if others.is_empty() {
        return name;
    }
    let folder = first.parent().filter(|folder| others.iter().all(|p| p.parent() == Some(folder)));
    match folder.and_then(|f| f.file_name()) {
        Some(folder) => format!("{} of {}", paths.len(), folder.to_string_lossy()),
        None => format!("{name} and {} more", others.len()),
    }
}

/// A source for a tooltip: whole, but for the end of a long list.
pub fn source_help(source: &str) -> String {
    const LINES: usize = 8;
    let more = source.lines().count().saturating_sub(LINES);
    let shown = source.lines().take(LINES).collect::<Vec<_>>().join("\n");
    if more == 0 { shown } else { format!("{shown}\nand {more} more") }
}

fn icon_of(source: &str) -> Icon {
    match source.split(':').next() {
        Some("emoji") => ICON_MOOD,
        Some("shapes") => ICON_CATEGORY,
        Some("fashion") => ICON_CHECKROOM,
        _ => ICON_FOLDER,
    }
}

impl DataView {
    /// The list of sources, with what adds one below.
    pub(super) fn source_list(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let mut chosen: Option<String> = None;
        let mut forgotten = None;
        let footer = 116.0;
        ScrollArea::vertical().id_salt("sources").max_height(ui.available_height() - footer).auto_shrink(false).show(
            ui,
            |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                let recent: Vec<_> =
                    cx.studio.datasets.iter().filter(|d| built_in_title(&d.source).is_none()).collect();
                let here = self.source().map(str::to_owned);
                let unlisted =
                    here.iter().filter(|h| built_in_title(h).is_none() && recent.iter().all(|d| d.source != **h));
                theme::section(ui, "Your pictures");
                for source in unlisted {
                    entry(ui, source, &short_name(source), "", true, 0.0);
                }
                for set in &recent {
                    let count = format::plural(set.pictures, "picture", "pictures");
                    let on = here.as_deref() == Some(set.source.as_str());
                    let name = short_name(&set.source);
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = 0.0;
                        if entry(ui, &set.source, &name, &count, on, size::CONTROL) {
                            chosen = Some(set.source.clone());
                        }
                        let label = format!("Remove {name} from the list");
                        let t = theme::tokens(ui);
                        let remove = theme::icon_button_toned(ui, ICON_CLOSE, &label, t.weak, false);
                        if remove.on_hover_text("The pictures stay where they are; Undo puts it back").clicked() {
                            forgotten = Some((*set).clone());
                        }
                    });
                }
                if recent.is_empty() && here.as_deref().is_none_or(|h| built_in_title(h).is_some()) {
                    theme::weak(ui, "None yet");
                }
                ui.add_space(size::S);
                theme::section(ui, "Built in");
                for (source, title, _) in BUILT_IN {
                    if entry(ui, source, title, "", here.as_deref() == Some(source), 0.0) {
                        chosen = Some(source.into());
                    }
                }
            },
        );
        ui.separator();
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = size::XS;
            if theme::button(ui, Some(ICON_FOLDER_OPEN), "Folder…")
                .on_hover_text("Choose a folder of pictures")
                .clicked()
            {
                cx.pick(ViewId::Data, PURPOSE, PickKind::Folder, "Choose a folder of pictures", &[]);
            }
            let files = theme::button(ui, Some(ICON_FILE_OPEN), "Files…");
            if files.on_hover_text("Choose pictures, a zip, a tar, an IDX or a CIFAR file").clicked() {
                cx.pick(ViewId::Data, PURPOSE, PickKind::Files, "Choose pictures or an archive", &[]);
            }
        });
        if let Some(paths) = drop_target::path_field(ui, &mut self.drop) {
            chosen = Some(absolute(&joined(&paths)));
        }
        theme::weak(ui, "or drop them on the window");
        if let Some(source) = chosen {
            self.choose(&source, cx);
        }
        if let Some(set) = forgotten {
            self.forget(&set, cx);
        }
    }

    /// The sources as one row, where there is no room for the list.
    pub(super) fn source_choice(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let here = self.source().unwrap_or_default().to_owned();
        let title_of = |source: &str| built_in_title(source).map_or_else(|| short_name(source), Into::into);
        let used = cx.studio.datasets.iter().map(|d| d.source.as_str()).filter(|s| built_in_title(s).is_none());
        let mut chosen: Option<String> = None;
        let shown = format::shortened(&title_of(&here), 28);
        let combo = ComboBox::from_id_salt("data source").selected_text(shown).width(200.0).show_ui(ui, |ui| {
            for source in used.chain(BUILT_IN.iter().map(|b| b.0)) {
                let row = ui.selectable_label(source == here, format::shortened(&title_of(source), 40));
                if row.on_hover_text(source_help(source)).clicked() {
                    chosen = Some(source.to_owned());
                }
            }
        });
        combo.response.accessible_name("Source");
        if theme::icon_button(ui, ICON_FOLDER_OPEN, "Choose a folder of pictures").clicked() {
            cx.pick(ViewId::Data, PURPOSE, PickKind::Folder, "Choose a folder of pictures", &[]);
        }
        if theme::icon_button(ui, ICON_FILE_OPEN, "Choose pictures or an archive").clicked() {
            cx.pick(ViewId::Data, PURPOSE, PickKind::Files, "Choose pictures or an archive", &[]);
        }
        if let Some(source) = chosen.filter(|source| *source != here) {
            self.choose(&source, cx);
        }
    }

    /// The first page: drop, choose or paste, or begin with a built-in set.
    pub(super) fn welcome(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        theme::page(ui, "data welcome", |ui| {
            let width = ui.available_width().min(720.0);
            let side = ((ui.available_width() - width) / 2.0).max(0.0);
            ui.horizontal_top(|ui| {
                ui.add_space(side);
                ui.vertical(|ui| {
                    ui.set_width(width);
                    theme::title(ui, "Choose pictures to train on");
                    ui.add_space(size::M);
                    if let Some(source) = source_picker(ui, cx, ViewId::Data, &mut self.drop) {
                        self.choose(&source, cx);
                    }
                });
            });
        });
    }

    /// While a source is looked through, or after that failed.
    pub(super) fn waiting(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let t = theme::tokens(ui);
        let job = self.job.and_then(|j| cx.studio.jobs.get(&j));
        let source = self.source().unwrap_or_default().to_owned();
        let failed = job.is_some_and(|j| j.ended && j.problem.is_some());
        let mut again = false;
        ui.vertical_centered(|ui| {
            ui.add_space((ui.available_height() * 0.28).clamp(size::XL, 240.0));
            ui.set_max_width(420.0);
            if failed {
                if let Some(problem) = job.and_then(|j| j.problem.as_ref()) {
                    theme::card(ui, |ui| {
                        ui.set_width(ui.available_width());
                        if theme::problem(ui, problem) {
                            cx.actions.push(Action::CopyText(problem.to_string()));
                        }
                    });
                }
                ui.add_space(size::S);
                again = theme::primary_button(ui, Some(ICON_REFRESH), "Search again").clicked();
                return;
            }
            ui.label(RichText::new(format!("Scanning {}", short_name(&source))).size(size::STRONG));
            ui.add_space(size::S);
            let share = job.and_then(crate::ui::state::Job::share);
            theme::progress(ui, share, 320.0, "Scanning the pictures");
            ui.add_space(size::XS);
            let mut words = Vec::new();
            if let Some(job) = job {
                words.push(match job.total {
                    0 if job.title == WAITING => format!("{WAITING}; you can cancel"),
                    0 => format!("{} files", format::count(job.done)),
                    total => format!("{} of {}", format::count(job.done), format::count(total)),
                });
                words.extend(job.rate().map(|r| format!("{} a second", format::number(r.round()))));
                words.extend(job.left_text());
            }
            ui.label(RichText::new(words.join(" · ")).size(size::SMALL).color(t.weak));
            ui.add_space(size::M);
            if let Some(job) = job
                && theme::button(ui, None, "Cancel").clicked()
            {
                cx.actions.push(Action::Cancel(job.id));
            }
        });
        if again {
            self.survey_if_needed(cx, true);
        }
    }
}

/// Every way to a source: drop, choose, paste, one that was used before, one that is built in. Answers of dialogs come
/// to `view` as [`ViewMessage::Picked`](crate::ui::action::ViewMessage::Picked) for [`PURPOSE`].
pub fn source_picker(ui: &mut Ui, cx: &mut Cx<'_>, view: ViewId, drop: &mut DropState) -> Option<String> {
    let hint = "A folder, a zip or tar, pictures, an IDX or CIFAR file";
    let mut chosen =
        drop_target::drop_target(ui, cx, view, drop, "Drop pictures here", hint).map(|p| absolute(&joined(&p)));
    ui.add_space(size::L);
    let used = cx.studio.datasets.iter().filter(|d| built_in_title(&d.source).is_none()).take(4);
    let recent: Vec<_> = used
        .map(|d| {
            let count = format::plural(d.pictures, "picture", "pictures");
            let note = if cx.still { count } else { format!("{count} · {}", format::ago(d.used)) };
            (d.source.clone(), short_name(&d.source), note)
        })
        .collect();
    if !recent.is_empty() {
        theme::section(ui, "Recent");
        chosen = source_rows(ui, &recent).or(chosen);
        ui.add_space(size::L);
    }
    theme::section(ui, "Start with a built-in data set");
    source_rows(ui, &BUILT_IN.map(|(s, t, w)| (s.to_owned(), t.to_owned(), w.to_owned()))).or(chosen)
}

/// Cards, two in a row: source, title, what it is.
fn source_rows(ui: &mut Ui, rows: &[(String, String, String)]) -> Option<String> {
    let t = theme::tokens(ui);
    let mut chosen = None;
    for pair in rows.chunks(2) {
        ui.columns(2, |columns| {
            for (ui, (source, title, note)) in columns.iter_mut().zip(pair) {
                let card = theme::clickable_card(ui, title, false, |ui| {
                    ui.set_width(ui.available_width());
                    ui.set_min_height(48.0);
                    ui.horizontal(|ui| {
                        theme::icon(ui, icon_of(source), size::ICON_LARGE, t.weak, "");
                        ui.vertical(|ui| {
                            ui.spacing_mut().item_spacing.y = 2.0;
                            ui.label(RichText::new(title).strong());
                            ui.add(egui::Label::new(RichText::new(note).size(size::SMALL).color(t.weak)).wrap());
                        });
                    });
                });
                if card.response.on_hover_text(source_help(source)).clicked() {
                    chosen = Some(source.clone());
                }
            }
        });
        ui.add_space(size::XS);
    }
    chosen
}

/// A line of the list, with some room left on its right; true when it is chosen.
fn entry(ui: &mut Ui, source: &str, title: &str, note: &str, selected: bool, spare: f32) -> bool {
    let t = theme::tokens(ui);
    let width = (ui.available_width() - spare).max(size::CONTROL);
    let mut text = theme::icon_text(Some(icon_of(source)), title, size::BODY, t.text);
    if let egui::WidgetText::LayoutJob(job) = &mut text {
        let job = std::sync::Arc::make_mut(job);
        job.wrap = egui::text::TextWrapping::truncate_at_width(width - 20.0);
    }
    let button = egui::Button::selectable(selected, text)
        .frame_when_inactive(selected)
        .truncate()
        .min_size(egui::vec2(width, size::CONTROL));
    let response = ui.scope(|ui| {
        ui.set_max_width(width);
        ui.spacing_mut().button_padding.x = size::S;
        ui.with_layout(egui::Layout::top_down_justified(egui::Align::Min), |ui| ui.add(button)).inner
    });
    let response = response.inner;
    let enabled = response.enabled();
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, enabled, selected, title));
    let source = source_help(source);
    let help = if note.is_empty() { source } else { format!("{source}\n{note}") };
    response.on_hover_text(help).clicked() && !selected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_short_names() {
        assert_eq!(short_name("/pictures/cats"), "cats");
        assert_eq!(short_name("/pictures/cats.zip"), "cats");
        assert_eq!(short_name("emoji:faces"), "emoji faces");
        assert_eq!(short_name("shapes:5000"), "shapes:5000");
        assert_eq!(short_name("/sets/nouns/images"), "nouns");
        assert_eq!(short_name("/images"), "images");
        assert_eq!(short_name("/pictures/cats/1.png\n/pictures/cats/2.png"), "2 of cats");
        assert_eq!(short_name("/pictures/cats\n/other/dogs"), "cats and 1 more");
    }
}
