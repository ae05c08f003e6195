//! Find anything by a few letters: commands, views, models, runs, settings.

use egui::{
    Align2, Area, Button, Context, CornerRadius, Frame, Id, Key, Margin, Modifiers, Order, Role, Stroke, TextEdit, vec2,
};
use egui_material_icons::icons::{ICON_BOLT, ICON_DEPLOYED_CODE, ICON_MODEL_TRAINING, ICON_SEARCH, ICON_TUNE};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use strum::IntoEnumIterator;

use super::action::{Action, Parcel};
use super::command::UiCommand;
use super::keymap;
use super::state::Studio;
use super::theme::{self, Icon, size};
use super::views::explore::tabs::TABS;
use super::views::settings::ROWS;
use super::views::{VIEWS, ViewId};

/// Rows shown at once.
const SHOWN: usize = 12;
const WIDTH: f32 = 560.0;

/// Something that can be found.
#[derive(Clone)]
struct Entry {
    icon: Icon,
    text: String,
    detail: String,
    keys: String,
    action: Action,
}

/// The palette while it is open.
#[derive(Default)]
pub struct Palette {
    open: bool,
    query: String,
    entries: Vec<Entry>,
    /// Places in `entries`, best first.
    found: Vec<usize>,
    chosen: usize,
    fresh: bool,
}

impl Palette {
    /// Whether it is on the screen.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Opens it, or closes it.
    pub fn toggle(&mut self, ctx: &Context, studio: &Studio, enabled: impl Fn(UiCommand) -> bool) {
        self.open = !self.open;
        if self.open {
            self.entries = entries(ctx, studio, enabled);
            self.query.clear();
            self.fresh = true;
            self.find();
        }
    }

    fn find(&mut self) {
        self.chosen = 0;
        self.found = search(&self.query, self.entries.iter().map(|e| (e.text.as_str(), e.detail.as_str())));
    }

    /// Draws it; the action of what was chosen, if something was.
    pub fn show(&mut self, ctx: &Context) -> Option<Action> {
        if !self.open {
            return None;
        }
        let (up, down, enter, escape) = ctx.input_mut(|i| {
            (
                i.consume_key(Modifiers::NONE, Key::ArrowUp),
                i.consume_key(Modifiers::NONE, Key::ArrowDown),
                i.consume_key(Modifiers::NONE, Key::Enter),
                i.consume_key(Modifiers::NONE, Key::Escape),
            )
        });
        let rows = self.found.len().min(SHOWN);
        if rows > 0 {
            self.chosen = (self.chosen + usize::from(down) + if up { rows - 1 } else { 0 }) % rows;
        }
        let mut run = enter.then(|| self.found.get(self.chosen).copied()).flatten();
        let area =
            Area::new(Id::unique("palette")).order(Order::Foreground).anchor(Align2::CENTER_TOP, vec2(0.0, 72.0));
        let shown = area.show(ctx, |ui| {
            let t = theme::tokens(ui);
            let frame = Frame::new()
                .fill(t.raised)
                .stroke(Stroke::new(1.0, t.line))
                .corner_radius(CornerRadius::same(size::RADIUS_CARD))
                .shadow(ui.visuals().window_shadow)
                .inner_margin(Margin::same(size::S as i8));
            frame.show(ui, |ui| {
                ui.set_width(WIDTH.min(ctx.content_rect().width() - 48.0));
                self.field(ui);
                ui.add_space(size::XS);
                ui.spacing_mut().item_spacing.y = 0.0;
                if self.found.is_empty() {
                    ui.add_space(size::S);
                    theme::weak(ui, "Nothing has this name");
                    ui.add_space(size::S);
                }
                for (row, &i) in self.found.iter().take(SHOWN).enumerate() {
                    if draw_row(ui, &self.entries[i], row == self.chosen) {
                        run = Some(i);
                    }
                }
            });
        });
        let outside = ctx.input(|i| i.pointer.any_pressed())
            && ctx.input(|i| i.pointer.interact_pos()).is_some_and(|p| !shown.response.rect.contains(p));
        if escape || (outside && !self.fresh) || run.is_some() {
            self.open = false;
        }
        self.fresh = false;
        run.map(|i| self.entries[i].action.clone())
    }

    fn field(&mut self, ui: &mut egui::Ui) {
        let t = theme::tokens(ui);
        ui.horizontal(|ui| {
            theme::icon(ui, ICON_SEARCH, size::ICON, t.weak, "");
            let field = TextEdit::singleline(&mut self.query)
                .hint_text("Find a command, view, model, run or setting")
                .frame(Frame::NONE)
                .min_size(vec2(0.0, size::CONTROL))
                .align(Align2::LEFT_CENTER)
                .desired_width(f32::INFINITY);
            let response = ui.add(field);
            let query = self.query.clone();
            response.widget_info(|| egui::WidgetInfo {
                label: Some("Find anything".into()),
                ..egui::WidgetInfo::text_edit(true, "", &query, "Find a command, view, model, run or setting")
            });
            response.request_focus();
            if response.changed() {
                self.find();
            }
        });
    }
}

fn draw_row(ui: &mut egui::Ui, entry: &Entry, chosen: bool) -> bool {
    let t = theme::tokens(ui);
    let colour = if chosen { t.text } else { t.weak };
    let mut button = Button::selectable(chosen, theme::icon_text(Some(entry.icon), &entry.text, size::BODY, t.text))
        .frame_when_inactive(chosen)
        .min_size(vec2(ui.available_width(), size::CONTROL))
        .truncate();
    let right = if entry.keys.is_empty() { &entry.detail } else { &entry.keys };
    button = button.right_text(egui::RichText::new(right).size(size::SMALL).color(colour));
    let response = ui.add(button);
    response.widget_info(|| egui::WidgetInfo::selected(Role::ListBoxOption, true, chosen, &entry.text));
    if chosen {
        response.scroll_to_me(None);
    }
    response.clicked()
}

/// Places of what fits a query, best first; all of them for an empty one.
pub fn search<'a>(query: &str, texts: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<usize> {
    if query.trim().is_empty() {
        return (0..texts.count()).collect();
    }
    let pattern = Pattern::parse(query, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut found: Vec<(u32, usize)> = texts
        .enumerate()
        .filter_map(|(i, (text, detail))| {
            let name = pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher).map(|s| s * 2);
            let score = name.or_else(|| {
                let both = format!("{text} {detail}");
                pattern.score(Utf32Str::new(&both, &mut buffer), &mut matcher)
            })?;
            Some((score, i))
        })
        .collect();
    found.sort_by_key(|(score, i)| (std::cmp::Reverse(*score), *i));
    found.into_iter().map(|(_, i)| i).collect()
}

fn entries(ctx: &Context, studio: &Studio, enabled: impl Fn(UiCommand) -> bool) -> Vec<Entry> {
    let mut out: Vec<Entry> = VIEWS
        .iter()
        .map(|v| Entry {
            icon: v.icon,
            text: v.title.into(),
            detail: "View".into(),
            keys: keymap::spelled(ctx, &keymap::view_shortcut(v.id)),
            action: Action::Go(v.id),
        })
        .collect();
    out.extend(TABS.iter().map(|tab| Entry {
        icon: tab.icon,
        text: format!("Explore: {}", tab.title),
        detail: "Page".into(),
        keys: String::new(),
        action: Action::Deliver(ViewId::Explore, Box::new(Parcel::Page(tab.id))),
    }));
    let commands = UiCommand::iter().filter(|c| *c != UiCommand::Palette && enabled(*c));
    out.extend(commands.map(|c| Entry {
        icon: ICON_BOLT,
        text: c.text().into(),
        detail: c.menu().title().into(),
        keys: keymap::written(ctx, c),
        action: Action::Ui(c),
    }));
    out.extend(studio.models.iter().map(|m| Entry {
        icon: ICON_DEPLOYED_CODE,
        text: format!("Explore {}", m.name),
        detail: "Model".into(),
        keys: String::new(),
        action: Action::explore(m.model.clone(), None, 1.0),
    }));
    out.extend(studio.runs.iter().map(|r| Entry {
        icon: ICON_MODEL_TRAINING,
        text: format!("Show run {}", r.name),
        detail: "Run".into(),
        keys: String::new(),
        action: Action::Deliver(ViewId::Train, Box::new(Parcel::Run(r.dir.clone()))),
    }));
    out.extend(ROWS.iter().map(|row| Entry {
        icon: ICON_TUNE,
        text: row.title.into(),
        detail: "Setting".into(),
        keys: String::new(),
        action: Action::Deliver(ViewId::Settings, Box::new(Parcel::Setting(row.key))),
    }));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_find_what_is_meant() {
        let texts =
            [("Save checkpoint now", "Run"), ("Show run nouns", "Run"), ("Split right", "View"), ("Gallery", "View")];
        let first = |q| search(q, texts.into_iter()).first().copied();
        assert_eq!(first("chk"), Some(0));
        assert_eq!(first("splr"), Some(2));
        assert_eq!(first("GAL"), Some(3));
        assert_eq!(first("nouns run"), Some(1));
        assert_eq!(search("zzz", texts.into_iter()), Vec::<usize>::new());
        assert_eq!(search(" ", texts.into_iter()).len(), 4);
    }

    #[test]
    fn every_page_of_explore_is_found_by_its_name() {
        let entries = entries(&Context::default(), &Studio::default(), |_| true);
        for tab in &TABS {
            let wanted = format!("explore {}", tab.title.to_lowercase());
            let found = search(&wanted, entries.iter().map(|e| (e.text.as_str(), e.detail.as_str())));
            let Action::Deliver(ViewId::Explore, parcel) = &entries[found[0]].action else { panic!("{wanted}") };
            assert!(matches!(**parcel, Parcel::Page(page) if page == tab.id), "{wanted}");
        }
    }
}
