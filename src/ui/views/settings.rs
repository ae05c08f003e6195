//! Settings of the studio: a table of rows, each with help and a way back to its default.

use egui::{Align, Layout, RichText, Role, Slider, Ui, WidgetInfo};
use egui_material_icons::icons::{
    ICON_CANCEL, ICON_CHECK_CIRCLE, ICON_FOLDER_OPEN, ICON_LOCK, ICON_REFRESH, ICON_RESTART_ALT,
    ICON_SETTINGS_BACKUP_RESTORE,
};

use super::{Cx, View, ViewId};
use crate::engine::{Command, DeviceReport};
use crate::ui::action::{Action, ViewMessage};
use crate::ui::format;
use crate::ui::gate::Wish;
use crate::ui::settings::{Backing, OnClose, Pixels, Settings};
use crate::ui::theme::{self, Mode, Tone, size};

/// A group of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter)]
pub enum Group {
    /// How the window looks.
    Appearance,
    /// Runs.
    Training,
    /// Pretrained networks.
    Networks,
    /// How pictures leave.
    Export,
    /// Who may read the library.
    Privacy,
    /// Where things are.
    Storage,
}

/// A setting as the page and the palette show it.
pub struct Row {
    /// Its key.
    pub key: &'static str,
    /// Its name.
    pub title: &'static str,
    /// One sentence of help.
    pub help: &'static str,
    group: Group,
    /// Where it stands in the settings' JSON.
    path: &'static str,
    draw: fn(&mut Ui, &mut Settings),
    /// Whether two settings are alike in this row.
    same: fn(&Settings, &Settings) -> bool,
    /// Takes this row from the defaults.
    reset: fn(&mut Settings, &Settings),
}

macro_rules! row {
    ($key:literal, $title:literal, $group:ident, $field:ident $(. $sub:ident)*, $help:literal, $draw:expr) => {
        Row {
            key: $key,
            title: $title,
            help: $help,
            group: Group::$group,
            path: concat!("/", stringify!($field) $(, "/", stringify!($sub))*),
            draw: $draw,
            same: |a, b| a.$field$(.$sub)* == b.$field$(.$sub)*,
            reset: |a, b| a.$field$(.$sub)* = b.$field$(.$sub)*.clone(),
        }
    };
}

/// Every setting. Devices and folders are drawn as lists of their own.
pub static ROWS: [Row; 22] = [
    row!("theme", "Theme", Appearance, theme, "Dark suits pictures, light suits bright rooms", |ui, s| {
        let modes = [(Mode::System, Mode::System.title()), (Mode::Dark, "Dark"), (Mode::Light, "Light")];
        theme::segmented(ui, "Theme", &mut s.theme, &modes);
    }),
    row!("scale", "Interface scale", Appearance, scale, "Larger is easier to read but shows less at once", |ui, s| {
        let options: Vec<(f32, &str)> =
            vec![(0.75, "75 %"), (1.0, "100 %"), (1.25, "125 %"), (1.5, "150 %"), (2.0, "200 %")];
        theme::segmented(ui, "Size", &mut s.scale, &options);
    }),
    row!(
        "motion",
        "Reduce motion",
        Appearance,
        reduce_motion,
        "Panels and samples do not move on their own",
        |ui, s| switch(ui, "Reduce motion", &mut s.reduce_motion)
    ),
    row!(
        "pixels",
        "Pixels",
        Appearance,
        pixels,
        "How enlarged pictures look: automatic shows pixel art sharp and photographs smooth",
        |ui, s| {
            let options = [(Pixels::Auto, "Automatic"), (Pixels::Sharp, "Sharp"), (Pixels::Smooth, "Smooth")];
            theme::segmented(ui, "Pixels", &mut s.pixels, &options);
        }
    ),
    row!(
        "backing",
        "Behind transparency",
        Appearance,
        backing,
        "What transparent pictures are shown on; checkers tell faint transparency from grey",
        |ui, s| {
            let options = [
                (Backing::Plain, "Plain"),
                (Backing::Checkers, "Checkers"),
                (Backing::White, "White"),
                (Backing::Black, "Black"),
            ];
            theme::segmented(ui, "Behind transparency", &mut s.backing, &options);
        }
    ),
    row!(
        "device",
        "Train on",
        Training,
        device,
        "The device that new runs use; the fastest usable one unless you choose another",
        |_, _| {}
    ),
    row!(
        "explore",
        "Explore on",
        Training,
        explore,
        "The device that makes pictures for exploring and export; a GPU suits large models, the CPU responds at once",
        |_, _| {}
    ),
    row!(
        "awake",
        "Keep the computer awake",
        Training,
        keep_awake,
        "The computer does not go to sleep during a run, with or without the window",
        |ui, s| switch(ui, "Keep the computer awake", &mut s.keep_awake)
    ),
    row!("close", "When the window closes", Training, on_close, "What happens to a run in progress", |ui, s| {
        let options = [(OnClose::Ask, "Ask"), (OnClose::Stop, "Stop the run"), (OnClose::Background, "Keep training")];
        theme::segmented(ui, "When the window closes", &mut s.on_close, &options);
    }),
    row!(
        "photo-network",
        "See photographs",
        Networks,
        networks.photo,
        "A network that was trained on photographs looks at pictures: for searching and directions by words",
        |ui, s| switch(ui, "See photographs", &mut s.networks.photo)
    ),
    row!(
        "text-network",
        "Read text",
        Networks,
        networks.text,
        "A network reads English phrases: for searching by words, and for directions by words",
        |ui, s| switch(ui, "Read text", &mut s.networks.text)
    ),
    row!(
        "recipe",
        "Store recipes in files",
        Export,
        export.recipe,
        "Exported files record that a trained model made them, and how; drop one on the window to get its latent back",
        |ui, s| switch(ui, "Store recipes in files", &mut s.export.recipe)
    ),
    row!("format", "Format", Export, export.format, "The format that Export suggests first", |ui, s| {
        let options: Vec<(String, &str)> =
            [("png", "PNG"), ("grid", "Grid"), ("gif", "GIF"), ("apng", "APNG"), ("mp4", "MP4")]
                .into_iter()
                .map(|(id, text)| (id.to_owned(), text))
                .collect();
        theme::segmented(ui, "Format", &mut s.export.format, &options);
    }),
    row!(
        "enlarge",
        "Enlarge",
        Export,
        export.scale,
        "Each pixel becomes this many a side; more makes larger files",
        |ui, s| {
            let slider = ui.add(Slider::new(&mut s.export.scale, 1..=16).suffix(" ×"));
            theme_slider(&slider, "Enlarge", f64::from(s.export.scale));
        }
    ),
    row!(
        "filter",
        "Enlarge with",
        Export,
        enlarge_by,
        "Sharp pixels suit pixel art, smooth suits photographs",
        |ui, s| {
            let options = [(Pixels::Auto, "Automatic"), (Pixels::Sharp, "Sharp pixels"), (Pixels::Smooth, "Smooth")];
            theme::segmented(ui, "Enlarge with", &mut s.enlarge_by, &options);
        }
    ),
    row!("fps", "Frames per second", Export, export.fps, "More is smoother and makes larger films", |ui, s| {
        let slider = ui.add(Slider::new(&mut s.export.fps, 5..=60));
        theme_slider(&slider, "Frames per second", f64::from(s.export.fps));
    }),
    row!("columns", "Grid columns", Export, export.columns, "0 makes grids nearly square", |ui, s| {
        let slider = ui.add(Slider::new(&mut s.export.columns, 0..=32));
        theme_slider(&slider, "Grid columns", f64::from(s.export.columns));
    }),
    row!("pattern", "File names", Export, export.pattern, "{model}, {seed}, {n} and {date} are replaced", |ui, s| {
        theme::text_field(ui, &mut s.export.pattern, "{model}-{seed}", 220.0, "File names");
    }),
    row!("out", "Export to", Export, export.out, "The folder that Export suggests until you choose another", |_, _| {}),
    row!(
        "encryption",
        "Encryption",
        Privacy,
        sheet_columns,
        "With a passphrase, nobody else reads the library's pictures, runs and models from this disk",
        |_, _| {}
    ),
    row!(
        "lock",
        "Lock after",
        Privacy,
        lock_after,
        "Minutes without keyboard or mouse; 0 never locks by itself",
        |ui, s| {
            let slider = ui.add(Slider::new(&mut s.lock_after, 0..=120).suffix(" min"));
            theme_slider(&slider, "Lock after", f64::from(s.lock_after));
        }
    ),
    row!(
        "folders",
        "Folders",
        Storage,
        sheet_columns,
        "Where the studio keeps its settings, runs, models and cache",
        |_, _| {}
    ),
];

/// The default of a row, in words.
fn default_text(row: &Row) -> String {
    let all = serde_json::to_value(Settings::default()).unwrap_or_default();
    match all.pointer(row.path) {
        Some(serde_json::Value::Bool(on)) => if *on { "on" } else { "off" }.into(),
        Some(serde_json::Value::String(text)) if text.is_empty() && row.key == "explore" => "the CPU".into(),
        Some(serde_json::Value::String(text)) if text.is_empty() => "nothing chosen".into(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

fn switch(ui: &mut Ui, label: &str, on: &mut bool) {
    let response = ui.checkbox(on, "");
    let state = *on;
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, state, label));
}

fn theme_slider(response: &egui::Response, label: &str, value: f64) {
    response.widget_info(|| WidgetInfo { label: Some(label.into()), ..WidgetInfo::slider(true, value, label) });
}

/// Wider than this the page does not grow.
const WIDEST: f32 = 960.0;
/// Narrower than this, controls stand under their names.
const STACKED: f32 = 620.0;
/// Widest that names and help are, in points.
const TITLE: f32 = 320.0;
/// Purpose of the dialog that chooses the export folder.
const EXPORT_FOLDER: &str = "export folder";

/// The view.
#[derive(Default)]
pub struct SettingsView {
    /// The row to scroll to and mark, and until when.
    wanted: Option<(&'static str, f64)>,
}

impl SettingsView {
    fn row(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, row: &Row, settings: &mut Settings) {
        let room = ui.available_width() - size::CONTROL - size::S;
        if room < STACKED {
            ui.horizontal_top(|ui| {
                self.title(ui, cx, row, room);
                reset(ui, row, settings);
            });
            control(ui, cx, row, settings, room + size::CONTROL);
        } else {
            let title = (room * 0.45).min(TITLE);
            ui.horizontal_top(|ui| {
                self.title(ui, cx, row, title);
                ui.add_space(size::L);
                control(ui, cx, row, settings, room - title - size::L - 2.0 * size::S);
                reset(ui, row, settings);
            });
        }
        ui.add_space(size::S);
    }

    /// Name and help of a row.
    fn title(&mut self, ui: &mut Ui, cx: &Cx<'_>, row: &Row, width: f32) {
        let t = theme::tokens(ui);
        let marked = self.wanted.is_some_and(|(key, _)| key == row.key);
        let title = ui.vertical(|ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = 2.0;
            let title = ui.label(RichText::new(row.title).color(if marked { t.accent } else { t.text }));
            if !matches!(row.key, "folders" | "encryption") {
                title.on_hover_text(format!("Default: {}", default_text(row)));
            }
            ui.add(egui::Label::new(RichText::new(row.help).size(size::SMALL).color(t.weak)).wrap());
        });
        if marked && let Some((_, until)) = &mut self.wanted {
            if *until == 0.0 {
                title.response.scroll_to_me(Some(Align::Center));
                *until = cx.time + 3.0;
            } else if cx.time > *until {
                self.wanted = None;
            }
            ui.ctx().request_repaint_after_secs(0.5);
        }
    }
}

/// What changes a setting, in the width there is.
fn control(ui: &mut Ui, cx: &mut Cx<'_>, row: &Row, settings: &mut Settings, width: f32) {
    ui.vertical(|ui| {
        ui.set_width(width);
        match row.key {
            "device" => devices(ui, cx, settings),
            "explore" => explore_device(ui, cx, settings),
            "encryption" => encryption(ui, cx),
            "folders" => {
                folders(ui, cx);
                super::storage::show(ui, cx);
            }
            "out" => out_folder(ui, cx, settings),
            _ => (row.draw)(ui, settings),
        }
    });
}

/// The way back to a default, where something else is set.
fn reset(ui: &mut Ui, row: &Row, settings: &mut Settings) {
    let default = Settings::default();
    if (row.same)(settings, &default) || matches!(row.key, "folders" | "encryption") {
        return;
    }
    let reset = theme::icon_button(ui, ICON_RESTART_ALT, &format!("Reset {}", row.title));
    if reset.on_hover_text(format!("Back to {}", default_text(row))).clicked() {
        (row.reset)(settings, &default);
    }
}

fn devices(ui: &mut Ui, cx: &mut Cx<'_>, settings: &mut Settings) {
    if cx.studio.devices.is_empty() {
        theme::skeleton(ui, egui::vec2(360.0, size::CONTROL));
        theme::weak(ui, "Each device is tested in a separate process, so that a broken driver does no harm");
        return;
    }
    let best = cx.studio.device().map_or("", |d| d.name.as_str());
    let text = if best.is_empty() {
        "The fastest usable device".into()
    } else {
        format!("The fastest usable device, now {best}")
    };
    device_choice(ui, settings, "", &text, true);
    for device in &cx.studio.devices {
        device_row(ui, settings, device);
    }
    if theme::button(ui, Some(ICON_REFRESH), "Test devices again").clicked() {
        cx.send(Command::ProbeDevices { again: true });
    }
}

fn explore_device(ui: &mut Ui, cx: &Cx<'_>, settings: &mut Settings) {
    let usable = cx.studio.devices.iter().filter(|d| d.usable && d.id != "cpu");
    let choices: Vec<(String, String)> = std::iter::once((String::new(), "CPU".to_owned()))
        .chain(usable.map(|d| (d.id.clone(), format!("{} ({})", d.name, d.id))))
        .collect();
    let now = choices.iter().find(|(id, _)| *id == settings.explore).or(choices.first());
    let text = now.map_or("CPU", |(_, text)| text.as_str());
    let combo = egui::ComboBox::from_id_salt("explore device")
        .selected_text(text)
        .width(ui.available_width().min(280.0))
        .show_ui(ui, |ui| {
            for (id, text) in &choices {
                ui.selectable_value(&mut settings.explore, id.clone(), text);
            }
        });
    combo.response.accessible_name("Explore on");
    if choices.len() == 1 && !cx.studio.devices.is_empty() {
        theme::weak(ui, "No other usable device was found");
    }
}

fn device_choice(ui: &mut Ui, settings: &mut Settings, id: &str, text: &str, usable: bool) {
    ui.add_enabled_ui(usable, |ui| {
        if ui.radio(settings.device == id, text).clicked() {
            settings.device = id.into();
        }
    });
}

fn device_row(ui: &mut Ui, settings: &mut Settings, device: &DeviceReport) {
    let t = theme::tokens(ui);
    ui.horizontal(|ui| {
        device_choice(ui, settings, &device.id, &device.name, device.usable);
        theme::badge(ui, Tone::Quiet, &device.id);
        let (icon, tone, what) = if device.usable {
            (ICON_CHECK_CIRCLE, Tone::Good, "usable")
        } else {
            (ICON_CANCEL, Tone::Bad, "not usable")
        };
        theme::icon(ui, icon, size::ICON, tone.colour(t), what);
        if let Some(speed) = device.gmacs_per_s {
            theme::weak(ui, format!("{} GMAC/s", format::number(speed)));
        }
    });
    if !device.reason.is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(size::XL);
            ui.scope(|ui| {
                ui.set_max_width(ui.available_width().min(420.0));
                ui.add(egui::Label::new(RichText::new(&device.reason).size(size::SMALL).color(t.weak)).wrap());
            });
        });
    }
}

/// What can be done about encryption now; the pages themselves stand before the window.
fn encryption(ui: &mut Ui, cx: &mut Cx<'_>) {
    if !cx.studio.encrypted {
        if theme::button(ui, Some(ICON_LOCK), "Encrypt the library…").clicked() {
            cx.push(Action::Gate(Wish::TurnOn));
        }
        return;
    }
    let wishes = [
        ("Lock now", Wish::Lock),
        ("Change the passphrase…", Wish::Passphrase),
        ("New recovery key…", Wish::Recovery),
        ("Turn encryption off…", Wish::TurnOff),
    ];
    ui.horizontal_wrapped(|ui| {
        for (text, wish) in wishes {
            if theme::button(ui, None, text).clicked() {
                cx.push(Action::Gate(wish));
            }
        }
    });
    theme::weak(ui, "The library is encrypted");
}

fn folders(ui: &mut Ui, cx: &mut Cx<'_>) {
    for (what, path) in &cx.studio.folders {
        ui.horizontal(|ui| {
            if theme::icon_button(ui, ICON_FOLDER_OPEN, &format!("Show folder of {}", what.to_lowercase())).clicked() {
                cx.actions.push(Action::Reveal(path.clone()));
            }
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                ui.label(*what);
                let text = path.display().to_string();
                let label = egui::Label::new(RichText::new(&text).size(size::SMALL).color(theme::tokens(ui).weak));
                ui.add(label.truncate().selectable(true)).on_hover_text(text);
            });
        });
    }
}

fn out_folder(ui: &mut Ui, cx: &mut Cx<'_>, settings: &mut Settings) {
    let out = &settings.export.out;
    let text = if out.as_os_str().is_empty() {
        let home = cx.studio.exports.display();
        format!("{home}, or where you exported last")
    } else {
        out.display().to_string()
    };
    ui.horizontal(|ui| {
        if theme::button(ui, Some(ICON_FOLDER_OPEN), "Choose…").clicked() {
            cx.pick(ViewId::Settings, EXPORT_FOLDER, crate::ui::action::PickKind::Folder, "Export to", &[]);
        }
        let label = RichText::new(&text).size(size::SMALL).color(theme::tokens(ui).weak);
        ui.add(egui::Label::new(label).truncate()).on_hover_text(text);
    });
}

impl View for SettingsView {
    fn id(&self) -> ViewId {
        ViewId::Settings
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        use strum::IntoEnumIterator;
        let mut settings = cx.studio.settings.clone();
        theme::page(ui, "settings", |ui| {
            ui.set_max_width(ui.available_width().min(WIDEST));
            ui.horizontal(|ui| {
                theme::title(ui, "Settings");
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let defaults = settings.reset();
                    ui.add_enabled_ui(settings != defaults, |ui| {
                        let all = theme::button(ui, Some(ICON_SETTINGS_BACKUP_RESTORE), "Reset all");
                        if all.on_hover_text("Every setting on this page goes back to its default").clicked() {
                            settings = defaults;
                        }
                    });
                });
            });
            for group in Group::iter() {
                ui.add_space(size::M);
                theme::section(ui, &format!("{group:?}"));
                theme::card(ui, |ui| {
                    ui.set_min_width(ui.available_width());
                    for row in ROWS.iter().filter(|r| r.group == group) {
                        self.row(ui, cx, row, &mut settings);
                    }
                });
            }
        });
        if settings != cx.studio.settings {
            cx.push(Action::Settings(Box::new(settings)));
        }
    }

    fn receive(&mut self, parcel: &ViewMessage, cx: &mut Cx<'_>) {
        match parcel {
            ViewMessage::Setting(key) => self.wanted = Some((key, 0.0)),
            ViewMessage::Picked { purpose: EXPORT_FOLDER, paths } => {
                if let Some(folder) = paths.first() {
                    let mut settings = cx.studio.settings.clone();
                    settings.export.out.clone_from(folder);
                    cx.push(Action::Settings(Box::new(settings)));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_help_and_its_own_key() {
        for (i, row) in ROWS.iter().enumerate() {
            assert!(row.help.len() > 10 && !row.help.ends_with('.'), "{}", row.key);
            assert!(!default_text(row).is_empty(), "{} has no default", row.key);
            assert!(ROWS[i + 1..].iter().all(|r| r.key != row.key), "{} twice", row.key);
        }
    }

    #[test]
    fn resetting_a_row_touches_that_row_only() {
        let changed = Settings { scale: 2.0, reduce_motion: true, ..Settings::default() };
        let row = ROWS.iter().find(|r| r.key == "scale").unwrap();
        let mut s = changed.clone();
        assert!(!(row.same)(&s, &Settings::default()));
        (row.reset)(&mut s, &Settings::default());
        assert_eq!(s, Settings { scale: 1.0, ..changed });
    }
}
