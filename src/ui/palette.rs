//! Find anything by a few letters: commands, views, models, runs, settings.

use egui::{
    Align2, Area, Button, Context, CornerRadius, Frame, Id, Key, Margin, Modifiers, Order, Role, Stroke, TextEdit, vec2,
};
use egui_material_icons::icons::{
    ICON_BAR_CHART, ICON_BOLT, ICON_DEPLOYED_CODE, ICON_MODEL_TRAINING, ICON_SEARCH, ICON_TUNE,
};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use strum::IntoEnumIterator;

use super::action::{Action, ViewMessage};
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
    /// Everyday words that find it too.
    words: &'static str,
    /// Whether it can be done now.
    enabled: bool,
    action: Action,
}

impl Entry {
    fn texts(&self) -> Texts<'_> {
        (&self.text, &self.detail, self.words)
    }
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
    /// A word to look for instead, where nothing was found.
    suggestion: Option<String>,
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
        self.found = search(&self.query, self.entries.iter().map(Entry::texts));
        self.suggestion = match self.found.is_empty() {
            true => suggestion(&self.query, self.entries.iter().map(Entry::texts)),
            false => None,
        };
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
        let can = |i: &usize| self.entries[*i].enabled;
        let mut run = enter.then(|| self.found.get(self.chosen).copied()).flatten().filter(can);
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
                    self.nothing(ui, enter);
                }
                for (row, &i) in self.found.iter().take(SHOWN).enumerate() {
                    if draw_row(ui, &self.entries[i], row == self.chosen) && self.entries[i].enabled {
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

    /// Nothing was found: says so, and offers a word that finds something.
    fn nothing(&mut self, ui: &mut egui::Ui, enter: bool) {
        ui.add_space(size::S);
        theme::weak(ui, format!("No result for “{}”", self.query.trim()));
        match self.suggestion.clone() {
            Some(word) => {
                if theme::quiet_button(ui, Some(ICON_SEARCH), &format!("Search for “{word}”")).clicked() || enter {
                    self.query = word;
                    self.find();
                }
            }
            None => {
                theme::weak(ui, "Try one everyday word, such as film, photo, seed or undo");
            }
        }
        ui.add_space(size::S);
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
    let colour = if chosen && entry.enabled { t.text } else { t.weak };
    let text = if entry.enabled { t.text } else { t.disabled };
    let mut button = Button::selectable(chosen, theme::icon_text(Some(entry.icon), &entry.text, size::BODY, text))
        .frame_when_inactive(chosen)
        .min_size(vec2(ui.available_width(), size::CONTROL))
        .truncate();
    let right = match (entry.enabled, entry.keys.is_empty()) {
        (false, _) => "Not now",
        (true, true) => &entry.detail,
        (true, false) => &entry.keys,
    };
    button = button.right_text(egui::RichText::new(right).size(size::SMALL).color(colour));
    let response = ui.add(button);
    response.widget_info(|| egui::WidgetInfo::selected(Role::ListBoxOption, entry.enabled, chosen, &entry.text));
    if chosen {
        response.scroll_to_me(None);
    }
    response.clicked()
}

/// What is searched: what an entry is called, what sort of thing it is, everyday words for it.
pub type Texts<'a> = (&'a str, &'a str, &'a str);

/// Words of a question that say nothing of what is looked for.
const FILLERS: [&str; 14] =
    ["a", "an", "the", "how", "to", "do", "i", "my", "make", "of", "into", "for", "with", "create"];

/// Words of a query that say what is looked for, in lower case; all of them if none does.
fn words_of(query: &str) -> Vec<String> {
    let all: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let telling: Vec<String> = all.iter().filter(|w| !FILLERS.contains(&w.as_str())).cloned().collect();
    if telling.is_empty() { all } else { telling }
}

/// Places of what fits a query, best first; all of them for an empty one. What is called so comes first, then what an
/// everyday word means, then what has these letters in it.
pub fn search<'a>(query: &str, texts: impl Iterator<Item = Texts<'a>>) -> Vec<usize> {
    if query.trim().is_empty() {
        return (0..texts.count()).collect();
    }
    let pattern = Pattern::parse(query, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let words = words_of(query);
    let begins = |text: &str, word: &str| {
        text.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|part| part.starts_with(word))
    };
    let mut found: Vec<((u32, u32), usize)> = texts
        .enumerate()
        .filter_map(|(i, (text, detail, known))| {
            let name = pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
            let rank = if words.iter().all(|w| begins(text, w)) {
                3
            } else if words.iter().all(|w| begins(known, w) || begins(text, w)) {
                2
            } else {
                u32::from(name.is_some())
            };
            let score = name.or_else(|| {
                let both = format!("{text} {detail}");
                pattern.score(Utf32Str::new(&both, &mut buffer), &mut matcher)
            });
            (rank > 0 || score.is_some()).then_some(((rank, score.unwrap_or_default()), i))
        })
        .collect();
    found.sort_by_key(|(score, i)| (std::cmp::Reverse(*score), *i));
    found.into_iter().map(|(_, i)| i).collect()
}

/// Letters to change, add, leave out or swap with their neighbour to come from one word to another.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swap = if swapped { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                change.min(swap).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1)
            };
        }
    }
    rows[a.len()][b.len()]
}

/// A word that finds something and is spelled nearly like the query.
fn suggestion<'a>(query: &str, texts: impl Iterator<Item = Texts<'a>>) -> Option<String> {
    let query = words_of(query).join(" ");
    let most = (query.chars().count() / 3).clamp(1, 3);
    let words = texts.flat_map(|(text, _, known)| {
        text.split(|c: char| !c.is_alphanumeric()).chain(known.split(' ')).map(str::to_lowercase).collect::<Vec<_>>()
    });
    let near = words.filter(|w| w.chars().count() > 2).map(|w| (distance(&query, &w), w));
    near.filter(|(far, _)| *far <= most).min().map(|(_, word)| word)
}

/// Everyday words for a view.
fn view_words(view: ViewId) -> &'static str {
    match view {
        ViewId::Home => "start begin tutorial guide learn getting started welcome introduction",
        ViewId::Data => "pictures images photos folder data set dataset prepare crop clean duplicates",
        ViewId::Train => "learn run teach fine-tune finetune loss curves gan vae start",
        ViewId::Models => "checkpoints networks weights compare scores shipped download",
        ViewId::Explore => "generate samples latent space seeds create images walk morph",
        ViewId::Draw => "prompt text words tokens gpt transformer lstm generate write",
        ViewId::Gallery => "favourites favorites kept saved starred album pictures trash",
        ViewId::Log => "messages errors warnings notifications history problems",
        ViewId::Settings => "options preferences configure setup",
        ViewId::Learn => "tutorial lesson glossary explain help how it works terms meaning",
    }
}

/// Everyday words for a setting.
fn setting_words(key: &str) -> &'static str {
    match key {
        "theme" => "dark light night mode colours colors appearance",
        "scale" => "zoom font text size bigger smaller interface dpi",
        "motion" => "animation accessibility still",
        "pixels" => "pixel art sharp smooth blurry photo nearest interpolation",
        "photo-network" => "efficientnet features photographs likeness search by words",
        "text-network" => "minilm language prompt phrases english search by words",
        "backing" => "transparent transparency alpha checkerboard background noise",
        "device" | "explore" => "gpu cpu cuda vulkan graphics card fast slow hardware",
        "awake" => "sleep standby energy power",
        "close" => "quit exit background",
        "recipe" => "metadata seed provenance watermark",
        "format" => "png gif mp4 video export file type",
        "enlarge" | "filter" => "upscale size bigger resolution export",
        "fps" => "speed frame rate video film",
        "out" | "pattern" => "save folder location name export where",
        "encryption" => "passphrase password private encrypt decrypt lock protect recovery key",
        "lock" => "idle timeout away private screen minutes",
        "folders" => "where files storage disk location path",
        _ => "",
    }
}

fn entries(ctx: &Context, studio: &Studio, enabled: impl Fn(UiCommand) -> bool) -> Vec<Entry> {
    let mut out: Vec<Entry> = VIEWS
        .iter()
        .map(|v| Entry {
            icon: v.icon,
            text: v.title.into(),
            detail: "View".into(),
            keys: keymap::spelled(ctx, &keymap::view_shortcut(v.id)),
            words: view_words(v.id),
            enabled: true,
            action: Action::Go(v.id),
        })
        .collect();
    out.extend(TABS.iter().map(|tab| Entry {
        icon: tab.icon,
        text: format!("Explore: {}", tab.title),
        detail: "Page".into(),
        keys: String::new(),
        words: tab.keywords,
        enabled: true,
        action: Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Page(tab.id))),
    }));
    out.push(Entry {
        icon: ICON_BAR_CHART,
        text: "Gallery: Usage".into(),
        detail: "Page".into(),
        keys: String::new(),
        words: "statistics numbers week made kept exported liked settings",
        enabled: true,
        action: Action::Deliver(ViewId::Gallery, Box::new(ViewMessage::Page("usage"))),
    });
    let commands = UiCommand::iter().filter(|c| *c != UiCommand::Palette);
    out.extend(commands.map(|c| Entry {
        icon: ICON_BOLT,
        text: c.text().into(),
        detail: c.menu().title().into(),
        keys: keymap::written(ctx, c),
        words: c.words(),
        enabled: enabled(c),
        action: Action::Ui(c),
    }));
    out.extend(studio.models.iter().map(|m| Entry {
        icon: ICON_DEPLOYED_CODE,
        text: format!("Explore {}", m.name),
        detail: "Model".into(),
        keys: String::new(),
        words: "generate samples open model",
        enabled: true,
        action: Action::explore(m.model.clone()),
    }));
    out.extend(studio.runs.iter().map(|r| Entry {
        icon: ICON_MODEL_TRAINING,
        text: format!("Show run {}", r.name),
        detail: "Run".into(),
        keys: String::new(),
        words: "training curves resume",
        enabled: true,
        action: Action::Deliver(ViewId::Train, Box::new(ViewMessage::Run(r.dir.clone()))),
    }));
    out.extend(ROWS.iter().map(|row| Entry {
        icon: ICON_TUNE,
        text: row.title.into(),
        detail: "Setting".into(),
        keys: String::new(),
        words: setting_words(row.key),
        enabled: true,
        action: Action::Deliver(ViewId::Settings, Box::new(ViewMessage::Setting(row.key))),
    }));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Entry> {
        entries(&Context::default(), &Studio::default(), |_| true)
    }

    /// What is found for a query, best first.
    fn found(query: &str) -> Vec<String> {
        let entries = all();
        search(query, entries.iter().map(Entry::texts)).into_iter().map(|i| entries[i].text.clone()).collect()
    }

    #[test]
    fn a_few_letters_find_what_is_meant() {
        let texts = [
            ("Save checkpoint now", "Run", ""),
            ("Show run nouns", "Run", ""),
            ("Split right", "View", ""),
            ("Gallery", "View", "favourites"),
        ];
        let first = |q| search(q, texts.into_iter()).first().copied();
        assert_eq!(first("chk"), Some(0));
        assert_eq!(first("splr"), Some(2));
        assert_eq!(first("GAL"), Some(3));
        assert_eq!(first("favour"), Some(3));
        assert_eq!(first("nouns run"), Some(1));
        assert_eq!(search("zzz", texts.into_iter()), Vec::<usize>::new());
        assert_eq!(search(" ", texts.into_iter()).len(), 4);
    }

    #[test]
    fn everyday_words_find_what_they_mean() {
        let wanted = [
            ("loop", "film"),
            ("video", "film"),
            ("gif", "film"),
            ("make a gif", "film"),
            ("morph", "walk"),
            ("photo", "photo"),
            ("upscale", "export"),
            ("truncation", "sliders"),
            ("tutorial", "learn"),
            ("undo", "undo"),
            ("oops", "undo"),
            ("dark mode", "dark or light"),
            ("favorites", "gallery"),
            ("gpu", "train on"),
        ];
        for (word, what) in wanted {
            // A page may have been called otherwise since: its own words count as its name.
            let entries = all();
            let places = search(word, entries.iter().map(Entry::texts));
            let near = places.iter().take(6).map(|i| &entries[*i]);
            let names: Vec<String> = near.map(|e| format!("{} {}", e.text, e.words).to_lowercase()).collect();
            assert!(
                names.iter().any(|n| n.contains(what)),
                "{word}: {:?}",
                found(word).iter().take(6).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn every_command_and_setting_has_everyday_words() {
        assert!(UiCommand::iter().all(|c| c.words().split(' ').count() >= 3));
        for row in &ROWS {
            assert!(!setting_words(row.key).is_empty() || row.key == "columns", "{}", row.key);
        }
        assert!(TABS.iter().all(|tab| !tab.keywords.is_empty()));
    }

    #[test]
    fn a_word_spelled_nearly_right_is_suggested() {
        let entries = all();
        let near = |word: &str| suggestion(word, entries.iter().map(Entry::texts));
        assert_eq!(near("gallary").as_deref(), Some("gallery"));
        assert_eq!(near("vidoe").as_deref(), Some("video"));
        assert_eq!(near("qqqqqqqqqq"), None);
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("same", "same")), (3, 3, 0));
    }

    #[test]
    fn every_page_of_explore_is_found_by_its_name() {
        let entries = all();
        for tab in &TABS {
            let wanted = format!("explore {}", tab.title.to_lowercase());
            let found = search(&wanted, entries.iter().map(Entry::texts));
            let Action::Deliver(ViewId::Explore, parcel) = &entries[found[0]].action else { panic!("{wanted}") };
            assert!(matches!(**parcel, ViewMessage::Page(page) if page == tab.id), "{wanted}");
        }
    }
}
