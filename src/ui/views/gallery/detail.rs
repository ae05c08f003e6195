//! What is selected: picture, rating, tags, recipe, and what can be done with it.

use egui::{Key, RichText, Sense, TextEdit, Ui, Vec2};
use egui_material_icons::icons::{
    ICON_ACCOUNT_TREE, ICON_CLOSE, ICON_COMPARE, ICON_CONTENT_COPY, ICON_DELETE, ICON_EXPLORE, ICON_FAMILY_HISTORY,
    ICON_IMAGE_SEARCH, ICON_IOS_SHARE, ICON_MOVIE, ICON_RESTORE_FROM_TRASH, ICON_STAR, ICON_THUMB_DOWN, ICON_THUMB_UP,
};

use super::{Cx, Deed, GalleryView, model_of, source};
use crate::engine::{Imported, Item, Shelf};
use crate::recipe::picture::{Latent, PictureRecipe};
use crate::ui::format;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::widgets::latent_slot::latent_label;

impl GalleryView {
    pub(super) fn show_detail(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> Option<Deed> {
        let items = self.items.clone();
        let chosen = self.selected(&items);
        let Some(first) = chosen.first().copied() else {
            let count = format::plural(items.len() as u64, "picture", "pictures");
            let kept = self.filter.shelf == Shelf::Kept && !self.find.is_on();
            theme::weak(ui, format!("{count} {}", if kept { "kept" } else { "shown" }));
            if !kept && !self.find.is_on() {
                theme::weak(ui, "Of whole data sets the newest are listed; search or filter for the others");
            }
            theme::weak(ui, "Select some to rate, tag, export or compare them");
            return None;
        };
        let mut deed = None;
        if chosen.len() == 1 {
            self.portrait(ui, cx, first);
        } else {
            theme::section(ui, &format!("{} selected", format::plural(chosen.len() as u64, "picture", "pictures")));
            self.stack(ui, cx, &chosen);
        }
        let why = if chosen.len() == 1 { self.find.why(first.id) } else { Vec::new() };
        if !why.is_empty() {
            theme::section(ui, "Why it is here");
            for line in why {
                ui.add(egui::Label::new(RichText::new(line).size(size::SMALL)).wrap());
            }
        }
        if chosen.len() == 1 {
            super::likeness::show(ui, cx, first);
        }
        deed = marks(ui, &chosen).or(deed);
        deed = self.actions(ui, cx, &chosen).or(deed);
        deed = self.tags(ui, &chosen).or(deed);
        if chosen.len() == 1 {
            if let Some(imported) = &first.imported {
                table(ui, "Data set", imported_text(imported));
            }
            if let Some(recipe) = &first.recipe {
                table(ui, "Recipe", recipe_text(recipe));
            }
        }
        deed
    }

    fn portrait(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, item: &Item) {
        let width = ui.available_width();
        let ctx = ui.ctx().clone();
        cx.textures.of(cx.studio.subject_of_item(item));
        let tex = match self.large(item.id, cx) {
            Some(picture) => Some(cx.textures.get(&ctx, key(("kept large", item.id)), 0, &picture)),
            None => self.thumbs.tex(item.id, cx.textures, &ctx),
        };
        match tex {
            Some(tex) => {
                let fit = tex.fit(Vec2::new(width, width * 1.25));
                textures::picture(ui, &tex, fit, Sense::hover(), &source::name(item));
            }
            None => {
                theme::skeleton(ui, Vec2::splat(width));
            }
        }
        let title =
            item.imported.as_ref().map_or(&item.model, |i| i.caption.as_ref().or(i.label.as_ref()).unwrap_or(&i.name));
        ui.add(egui::Label::new(RichText::new(title).size(size::STRONG)).wrap());
        let date = jiff::Timestamp::from_second(item.created)
            .map(|t| t.to_zoned(jiff::tz::TimeZone::system()).strftime("%-d %b %Y, %H:%M").to_string())
            .unwrap_or_default();
        theme::weak(ui, format!("{} × {}  ·  {date}", item.width, item.height));
    }

    fn stack(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, chosen: &[&Item]) {
        let ctx = ui.ctx().clone();
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(size::XS);
            for item in chosen.iter().take(12) {
                cx.textures.of(cx.studio.subject_of_item(item));
                if let Some(tex) = self.thumbs.tex(item.id, cx.textures, &ctx) {
                    textures::picture(ui, &tex, tex.fit(Vec2::splat(56.0)), Sense::hover(), &source::name(item));
                }
            }
        });
    }

    fn actions(&self, ui: &mut Ui, cx: &Cx<'_>, chosen: &[&Item]) -> Option<Deed> {
        let mut deed = None;
        let one = chosen.len() == 1;
        if one && chosen[0].recipe.is_some() {
            let here = model_of(cx.studio, chosen[0]).is_some();
            let help =
                if here { "Open this picture in Explore, where it was made" } else { "Its model is not available" };
            if theme::primary_button(ui, Some(ICON_EXPLORE), "Open in Explore").on_hover_text(help).clicked() {
                deed = Some(Deed::StandHere);
            }
        }
        ui.horizontal_wrapped(|ui| {
            if chosen.len() == 2 && theme::button(ui, Some(ICON_COMPARE), "Compare").clicked() {
                deed = Some(Deed::Compare);
            }
            if chosen.len() > 1
                && theme::button(ui, Some(ICON_MOVIE), "Make a film…")
                    .on_hover_text("A loop that morphs from one of these pictures to the next")
                    .clicked()
            {
                deed = Some(Deed::Film);
            }
            if theme::button(ui, Some(ICON_IOS_SHARE), "Export…").clicked() {
                deed = Some(Deed::Export);
            }
            if one && theme::icon_button(ui, ICON_CONTENT_COPY, "Copy picture").clicked() {
                deed = Some(Deed::Copy);
            }
            if one && theme::icon_button(ui, ICON_IMAGE_SEARCH, "Find similar (A)").clicked() {
                deed = Some(Deed::Alike);
            }
            if theme::icon_button(ui, ICON_THUMB_UP, "More like this (M)").clicked() {
                deed = Some(Deed::Like(true));
            }
            if theme::icon_button(ui, ICON_THUMB_DOWN, "Less like this (L)").clicked() {
                deed = Some(Deed::Like(false));
            }
            if one
                && chosen[0].imported.is_none()
                && theme::icon_button(ui, ICON_FAMILY_HISTORY, "Family (F)").clicked()
            {
                deed = Some(Deed::Family);
            }
            if one && theme::icon_button(ui, ICON_ACCOUNT_TREE, "Where does this come from? (O)").clicked() {
                deed = Some(Deed::Origin);
            }
            if self.filter.trashed {
                if theme::button(ui, Some(ICON_RESTORE_FROM_TRASH), "Restore").clicked() {
                    deed = Some(Deed::Trash(false));
                }
            } else if theme::icon_button(ui, ICON_DELETE, "Move to the trash (Del)").clicked() {
                deed = Some(Deed::Trash(true));
            }
        });
        deed
    }

    fn tags(&mut self, ui: &mut Ui, chosen: &[&Item]) -> Option<Deed> {
        let mut deed = None;
        theme::section(ui, "Tags");
        let mut tags: Vec<&String> = chosen.iter().flat_map(|i| &i.tags).collect();
        tags.sort();
        tags.dedup();
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(size::XS);
            for tag in tags {
                let everywhere = chosen.iter().all(|i| i.tags.contains(tag));
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 0.0;
                    theme::badge(ui, if everywhere { theme::Tone::Accent } else { theme::Tone::Quiet }, tag);
                    if theme::icon_button(ui, ICON_CLOSE, &format!("Remove tag {tag}")).clicked() {
                        deed = Some(Deed::Tag(tag.clone(), false));
                    }
                });
            }
        });
        let field = TextEdit::singleline(&mut self.new_tag).hint_text("Add a tag").desired_width(f32::INFINITY);
        let response = ui.add(field).accessible_name("Add a tag");
        if response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
            let tag = self.new_tag.trim().to_string();
            if !tag.is_empty() {
                deed = Some(Deed::Tag(tag, true));
            }
            self.new_tag.clear();
            response.request_focus();
        }
        deed
    }
}

/// Rating and star of what is selected.
pub(super) fn marks(ui: &mut Ui, chosen: &[&Item]) -> Option<Deed> {
    let mut deed = None;
    let rating = chosen.first().map_or(0, |i| i.rating);
    let same = chosen.iter().all(|i| i.rating == rating);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let t = theme::tokens(ui);
        for n in 1..=5u8 {
            let on = same && n <= rating;
            let label = format!("Rate {n}");
            let dot = theme::icon_button_toned(
                ui,
                egui_material_icons::icons::ICON_CIRCLE,
                &label,
                if on { t.text } else { t.line },
                false,
            );
            if dot.clicked() {
                // The same again takes it away.
                deed = Some(Deed::Rate(if same && rating == n { 0 } else { n }));
            }
        }
        ui.add_space(size::S);
        let mut starred = chosen.iter().all(|i| i.starred);
        let label = if starred { "Unstar (.)" } else { "Star (.)" };
        if theme::icon_toggle(ui, ICON_STAR, label, &mut starred).clicked() {
            deed = Some(Deed::Star(starred));
        }
    });
    deed
}

/// The context menu of the grid.
pub(super) fn menu(ui: &mut Ui, count: usize, trash: bool) -> Option<Deed> {
    let mut deed = None;
    let mut entry = |ui: &mut Ui, show: bool, text: &str, what: Deed| {
        if show && ui.button(text).clicked() {
            deed = Some(what);
        }
    };
    entry(ui, count == 1, "Open in Explore", Deed::StandHere);
    entry(ui, count == 1, "Enlarge", Deed::Preview);
    entry(ui, count == 2, "Compare", Deed::Compare);
    entry(ui, count > 1, "Make a film…", Deed::Film);
    entry(ui, count == 1, "Find similar", Deed::Alike);
    entry(ui, true, "More like this", Deed::Like(true));
    entry(ui, true, "Less like this", Deed::Like(false));
    entry(ui, count == 1, "Family", Deed::Family);
    entry(ui, count == 1, "Where does this come from?", Deed::Origin);
    entry(ui, true, "Star", Deed::Star(true));
    entry(ui, true, "Export…", Deed::Export);
    entry(ui, count == 1, "Copy", Deed::Copy);
    entry(ui, !trash, "Move to the trash", Deed::Trash(true));
    entry(ui, trash, "Restore", Deed::Trash(false));
    deed
}

/// Names with their values under a heading.
fn table(ui: &mut Ui, title: &str, lines: Vec<(&'static str, String)>) {
    theme::section(ui, title);
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = size::L;
        ui.spacing_mut().item_spacing.y = size::XS;
        for (name, value) in lines {
            ui.horizontal_wrapped(|ui| {
                theme::weak(ui, name);
                ui.label(RichText::new(value).size(size::SMALL));
            });
        }
    });
}

/// What is known of a picture of a data set.
fn imported_text(imported: &Imported) -> Vec<(&'static str, String)> {
    let origin = if imported.real { "real" } else { "made by a model" };
    let mut lines = vec![("Name", imported.dataset.clone()), ("Origin", origin.into())];
    lines.extend(imported.label.clone().map(|label| ("Label", label)));
    lines.extend(imported.caption.clone().map(|caption| ("Caption", caption)));
    lines.push(("File", imported.name.clone()));
    lines.push(("Source", imported.source.clone()));
    lines
}

/// A recipe as a person reads it: name and value of each line.
pub fn recipe_text(recipe: &PictureRecipe) -> Vec<(&'static str, String)> {
    let mut lines = vec![("Model", recipe.model.clone())];
    match &recipe.latent {
        Latent::Seed { seed } => lines.push(("Latent", format!("seed {seed}"))),
        point @ Latent::Point { values } => {
            let length = crate::latent::interpolate::norm(values);
            lines.push(("Latent", format!("{}, {} numbers of length {length:.2}", latent_label(point), values.len())));
        }
        place @ Latent::Place(_) => lines.push(("Latent", latent_label(place))),
    }
    lines.push(("Truncation", format!("{:.2}", recipe.truncation)));
    let made = match recipe.made_by.as_str() {
        "sample" => "as a sample".to_string(),
        "grid" => "in a grid".into(),
        "walk" => "in a walk".into(),
        "reconstruction" => "as a reconstruction".into(),
        other => other.into(),
    };
    lines.push(("Made", made));
    if let Some(grid) = &recipe.grid {
        lines.push(("Grid", format!("{} × {}", grid.columns, grid.rows)));
    }
    if recipe.scale > 1 {
        lines.push(("Enlarged", format!("×{}, {}", recipe.scale, recipe.filter)));
    }
    if !recipe.device.is_empty() {
        lines.push(("Device", recipe.device.clone()));
    }
    lines.push(("Studio", recipe.studio.clone()));
    let hash: String = recipe.model_hash.chars().take(12).collect();
    lines.push(("Weights", hash));
    lines
}
