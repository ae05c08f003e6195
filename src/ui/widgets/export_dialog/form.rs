//! The form: format, size, names, folder.

use egui::{ComboBox, RichText, TextEdit, Ui};
use egui_material_icons::icons::ICON_FOLDER_OPEN;

use super::subject::Subject;
use super::{Open, PURPOSE_FOLDER, format_of};
use crate::base::{Channels, Resolution, Shape};
use crate::engine::ExportOptions;
use crate::export::canvas::inner;
use crate::export::names::{file_name, today};
use crate::export::png::{check_size, most_bytes};
use crate::export::run::GRID_GAP;
use crate::export::sheet::{self, TRIANGLE};
use crate::export::watermark::Writing;
use crate::export::{CANVASES, EXPORTERS, Exporter, Filter, Makes, NamedCanvas};
use crate::latent::retrieval::Standing;
use crate::recipe::picture::Canvas;
use crate::ui::action::{Action, PickKind};
use crate::ui::format;
use crate::ui::theme::{self, size};
use crate::ui::views::{Cx, ViewId};

/// Pictures from which on it is said how much room they take.
const MANY: usize = 500;
/// Largest whole factor to enlarge by.
pub(super) const LARGEST: u32 = 16;
/// Colour around pictures on a canvas until another is chosen.
const MARGIN: [u8; 4] = [0, 0, 0, 255];
/// Width of the names on the left, in points.
const NAMES: f32 = 96.0;

/// Draws the form.
pub(super) fn choosing(ui: &mut Ui, open: &mut Open, cx: &mut Cx<'_>, view: ViewId) {
    if let Some(problem) = &open.problem {
        theme::card(ui, |ui| {
            ui.set_width(ui.available_width());
            if theme::problem(ui, problem) {
                cx.push(Action::CopyText(problem.to_string()));
            }
        });
        ui.add_space(size::S);
    }
    if let Some(warning) = near_copies(&open.subject, cx) {
        theme::toned(ui, theme::Tone::Warn, warning);
    }
    let o = &mut open.options;
    ui.add_space(size::XS);
    row(ui, "Format", |ui| {
        let shown = format_of(&o.format);
        let combo = ComboBox::from_id_salt("format").selected_text(shown.title).width(220.0).show_ui(ui, |ui| {
            for f in EXPORTERS.iter().filter(|f| open.subject.takes(f)) {
                let option = ui.selectable_value(&mut o.format, f.id.to_string(), f.title);
                if option.on_hover_text(f.help).changed() {
                    // The gap and the list of frames are the format's own until they are chosen.
                    (o.gap, o.frames_json) = (None, is_sprites(f));
                }
            }
        });
        combo.response.accessible_name("Format");
    });
    let chosen = format_of(&o.format);
    note(ui, chosen.help);
    extent(ui, o, chosen, open.pixels);
    if o.scale > 1 || o.canvas.is_some() {
        row(ui, "Enlarge with", |ui| {
            let options = [("nearest".to_string(), "Sharp pixels"), ("lanczos".to_string(), "Smooth")];
            theme::segmented(ui, "Enlarge with", &mut o.filter, &options);
        });
    }
    if chosen.makes == Makes::Film && chosen.id != "frames" {
        row(ui, "Speed", |ui| {
            ui.add(egui::Slider::new(&mut o.fps, 1..=60).suffix(" fps")).accessible_name("Frames per second");
            theme::weak(ui, format!("{:.1} s", open.subject.seconds(o.fps)));
        });
    }
    arrangement(ui, &mut open.subject, o, chosen);
    let pixels = open.pixels;
    room(ui, &open.subject, pixels, o, chosen, cx);
    row(ui, "Recipe", |ui| {
        ui.checkbox(&mut o.no_traces, "Share without traces").on_hover_text(
            "The file names no folder, user, device or time; its latent and the hash of its model stay in the recipe",
        );
        ui.checkbox(&mut o.recipe, "Store inside the file").on_hover_text(
            "The file records its model, latent and settings, so that the studio can make it again, and that a trained \
             model made it",
        );
        let writing = Writing {
            format: chosen.id,
            makes: chosen.makes,
            factor: o.scale,
            filter: Filter::from_id(&o.filter).unwrap_or_default(),
            canvas: o.canvas.is_some(),
        };
        let size = match (&o.canvas, chosen.makes) {
            (Some(canvas), Makes::Pictures | Makes::Film) => (canvas.width, canvas.height),
            _ => (pixels.width * o.scale, pixels.height * o.scale),
        };
        let takes = writing.takes_mark(size.0, size.1);
        let mut on = o.watermark && takes;
        let mark = ui.add_enabled(takes, egui::Checkbox::new(&mut on, "Watermark"));
        if mark.changed() {
            o.watermark = on;
        }
        mark.on_hover_text(
            "An invisible sign that a model made the picture. It survives JPEG, resizing, cropping and screenshots, where \
             the recipe is lost",
        )
        .on_disabled_hover_text("For pictures of 256 px and more that are enlarged smoothly or not at all, not for GIF");
        ui.add_enabled(o.recipe && !o.no_traces, egui::Checkbox::new(&mut o.certificate, "Certificate")).on_hover_text(
            "Signs data, run, checkpoint and picture with a key of your own, so that others can check that nothing was \
             changed. Your public key stands in the file",
        );
    });
    if o.recipe && matches!(chosen.extension, "png" | "mp4") {
        note(ui, lost_in(chosen.extension));
    }
    let Some(place) = open.places.as_mut().map(|p| p.of(chosen.makes)) else { return };
    row(ui, if chosen.makes == Makes::Pictures { "File names" } else { "File name" }, |ui| {
        ui.add(TextEdit::singleline(&mut place.name).desired_width(220.0))
            .accessible_name("File name pattern")
            .on_hover_text("{model}, {seed}, {n} and {date} are replaced; existing files are never overwritten");
    });
    let name = file_name(&place.name, &open.name, open.subject.seed(), 1, &today());
    let dot = if chosen.extension.is_empty() { "" } else { "." };
    note(ui, &format!("For example {}{dot}{}", format::shortened(&name, 40), chosen.extension));
    row(ui, "Folder", |ui| {
        let mut text = place.folder.display().to_string();
        let room = ui.available_width() - size::CONTROL - size::S;
        let field = TextEdit::singleline(&mut text).hint_text("Paste a path").desired_width(room - 2.0 * size::S);
        if ui.add(field).accessible_name("Export path").on_hover_text(place.folder.display().to_string()).changed() {
            place.set(&crate::data::path_of(&text), chosen.extension);
        }
        if theme::icon_button(ui, ICON_FOLDER_OPEN, "Choose folder…").clicked() {
            cx.pick(view, PURPOSE_FOLDER, PickKind::Folder, "Export to", &[]);
        }
    });
}

/// Says that what is exported nearly is what a model learned from, where that is known.
fn near_copies(subject: &Subject, cx: &Cx<'_>) -> Option<String> {
    let Subject::Items(ids) = subject else { return None };
    let known = ids.iter().filter_map(|id| cx.studio.likeness.get(id)?.0.as_ref());
    let near = known.filter(|found| found.0.standing != Standing::Own).count();
    (near > 0)
        .then(|| format!("Copies or near copies of training pictures: {near}. Check the rights before you share them"))
}

/// Which programs keep a recipe, as tried, and which lose it.
fn lost_in(extension: &str) -> &'static str {
    if extension == "mp4" {
        "ffmpeg keeps the recipe when it copies the stream; programs that encode the film again lose it"
    } else {
        "optipng, pngcrush, pngquant, exiftool and sharp keep the recipe; Pillow, ImageMagick 6 and zopflipng lose it"
    }
}

/// How large what is written is: the picture enlarged by a whole factor, or placed on a canvas.
fn extent(ui: &mut Ui, o: &mut ExportOptions, chosen: &Exporter, pixels: Resolution) {
    if is_sprites(chosen) {
        // Cells of a sprite sheet lie edge to edge.
        o.canvas = None;
    } else {
        row(ui, "Size", |ui| {
            let text = |c: &NamedCanvas| format!("{}, {} × {}", c.title, c.size.0, c.size.1);
            let named = |canvas: &Canvas| CANVASES.iter().find(|c| c.size == (canvas.width, canvas.height));
            let own = "Picture size";
            let shown = match &o.canvas {
                None => own.to_owned(),
                Some(canvas) => named(canvas).map_or(format!("{} × {}", canvas.width, canvas.height), text),
            };
            let combo = ComboBox::from_id_salt("canvas").selected_text(shown).width(220.0).show_ui(ui, |ui| {
                if ui.selectable_label(o.canvas.is_none(), own).clicked() {
                    o.canvas = None;
                }
                for c in CANVASES {
                    let on = o.canvas.as_ref().and_then(named).is_some_and(|n| n.id == c.id);
                    if ui.selectable_label(on, text(c)).clicked() {
                        let colour = o.canvas.map_or(MARGIN, |canvas| canvas.colour);
                        o.canvas = Some(Canvas { width: c.size.0, height: c.size.1, colour });
                    }
                }
            });
            combo.response.accessible_name("Size");
        });
    }
    let filter = Filter::from_id(&o.filter).unwrap_or_default();
    let Some(canvas) = &mut o.canvas else {
        row(ui, "Scale", |ui| {
            ui.add(egui::Slider::new(&mut o.scale, 1..=LARGEST).prefix("×")).accessible_name("Scale");
            theme::weak(ui, format!("{} × {} px", pixels.width * o.scale, pixels.height * o.scale));
        });
        return;
    };
    row(ui, "Margin", |ui| {
        let mut rgb = [canvas.colour[0], canvas.colour[1], canvas.colour[2]];
        let button = ui.color_edit_button_srgb(&mut rgb);
        let changed = button.changed();
        theme::name(&button, egui::Role::ColorWell, "Margin colour");
        if changed {
            canvas.colour = [rgb[0], rgb[1], rgb[2], 255];
        }
        for (name, colour) in [("Black", [0, 0, 0, 255]), ("White", [255; 4])] {
            if theme::quiet_button(ui, None, name).clicked() {
                canvas.colour = colour;
            }
        }
        if chosen.alpha && theme::quiet_button(ui, None, "Transparent").clicked() {
            canvas.colour = [0; 4];
        }
    });
    if chosen.makes != Makes::Sheet {
        let (w, h) = inner(pixels.width, pixels.height, canvas, filter);
        note(ui, &format!("The picture takes {w} × {h} px in the middle"));
    }
}

/// Pixels between pictures of a sheet.
fn gap_of(o: &ExportOptions, format: &Exporter) -> u32 {
    o.gap.unwrap_or(if is_sprites(format) { 0 } else { GRID_GAP })
}

fn is_sprites(format: &Exporter) -> bool {
    format.id == "sprites"
}

/// How pictures lie on a sheet.
fn arrangement(ui: &mut Ui, subject: &mut Subject, o: &mut ExportOptions, chosen: &Exporter) {
    if chosen.makes != Makes::Sheet {
        return;
    }
    row(ui, "Gap", |ui| {
        let mut gap = gap_of(o, chosen);
        let slider = ui.add(egui::Slider::new(&mut gap, 0..=16).suffix(" px")).accessible_name("Gap between pictures");
        if slider.changed() {
            o.gap = Some(gap);
        }
    });
    row(ui, "Frames", |ui| {
        ui.checkbox(&mut o.frames_json, "JSON file with their positions")
            .on_hover_text("Game engines and animation programs read from it where each picture lies");
    });
    if let Subject::Both { beside, .. } = subject {
        row(ui, "Models", |ui| {
            theme::segmented(ui, "Models", beside, &[(true, "Side by side"), (false, "One above the other")]);
        });
        return;
    }
    row(ui, "Columns", |ui| {
        if o.columns == TRIANGLE {
            theme::weak(ui, "Triangle");
            return;
        }
        let most = subject.count().max(1) as u32;
        ui.add(egui::Slider::new(&mut o.columns, 0..=most.min(64))).accessible_name("Columns");
        if o.columns == 0 {
            theme::weak(ui, "Nearly square");
        }
    });
}

/// What many pictures take, or that they are too many for one file.
fn room(ui: &mut Ui, subject: &Subject, pixels: Resolution, o: &ExportOptions, format: &Exporter, cx: &Cx<'_>) {
    let n = subject.count();
    match format.makes {
        Makes::Pictures if n > MANY => {
            let shape = Shape { resolution: pixels, channels: Channels::Rgba };
            let bytes = n as u64 * most_bytes(shape, o.scale, o.recipe);
            let text = format!("Up to {} in {} files", format::bytes(bytes), format::count(n as u64));
            let free = cx.studio.space.runs;
            if free.is_some_and(|free| bytes > free) {
                let free = format::bytes(free.unwrap_or_default());
                theme::toned(ui, theme::Tone::Warn, format!("{text}; {free} are free in the studio's folder"));
            } else {
                note(ui, &text);
            }
        }
        Makes::Sheet if o.columns != TRIANGLE && o.canvas.is_none() => {
            let columns = match subject {
                Subject::Both { beside: true, .. } => 2 * sheet::square(n / 2),
                Subject::Both { .. } => n / 2,
                _ => o.columns as usize,
            };
            let (w, h) = sheet::room(n, columns, (pixels.width, pixels.height), gap_of(o, format), o.scale);
            let text = format!("{} × {} px", format::count(w), format::count(h));
            if check_size(w, h).is_err() {
                let help = "too large for one file: choose a smaller scale, more columns, or PNG pictures";
                theme::toned(ui, theme::Tone::Warn, format!("{text} is {help}"));
            } else {
                note(ui, &text);
            }
        }
        _ => {}
    }
}

/// The buttons at the end, from the right. They take a row's height, not all that is left: a dialog that was taller
/// before, while there was more to choose, gets lower again.
pub(super) fn buttons(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    ui.allocate_ui_with_layout(egui::vec2(ui.available_width(), size::CONTROL), layout, add);
}

fn row(ui: &mut Ui, label: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_min_height(size::CONTROL);
        let t = theme::tokens(ui);
        ui.scope(|ui| {
            ui.set_width(NAMES);
            ui.label(RichText::new(label).color(t.weak));
        });
        add(ui);
    });
}

fn note(ui: &mut Ui, text: &str) {
    ui.horizontal(|ui| {
        ui.add_space(NAMES + size::S);
        let weak = theme::tokens(ui).weak;
        ui.add(egui::Label::new(RichText::new(text).size(size::SMALL).color(weak)).wrap());
    });
}
