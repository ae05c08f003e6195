//! Two recipes beside each other: only what differs.

use egui::{RichText, ScrollArea, Ui};
use egui_material_icons::icons::ICON_CHECK;
use serde_json::Value;

use crate::engine::Score;
use crate::eval::{Standing, compare, table};
use crate::models::info::ModelInfo;
use crate::recipe::form;
use crate::recipe::json_path::diff;
use crate::ui::format;
use crate::ui::state::Studio;
use crate::ui::theme::{self, size};
use crate::ui::widgets::scores::newest;

/// Draws the table; true to close it.
pub fn show(ui: &mut Ui, a: &ModelInfo, b: &ModelInfo, studio: &Studio) -> bool {
    let mut close = false;
    let rows = diff(&a.recipe, &b.recipe);
    ui.horizontal(|ui| {
        ui.label(
            RichText::new(format::plural(rows.len() as u64, "setting differs", "settings differ")).size(size::STRONG),
        );
        close = theme::quiet_button(ui, None, "Close comparison").clicked();
    });
    if rows.is_empty() {
        let t = theme::tokens(ui);
        ui.horizontal(|ui| {
            theme::icon(ui, ICON_CHECK, size::ICON, t.good, "Same");
            ui.label("Both have the same recipe");
        });
        scores(ui, a, b, studio);
        return close;
    }
    ScrollArea::horizontal().id_salt("diff table").show(ui, |ui| {
        egui::Grid::new("diff").num_columns(3).striped(true).spacing([size::XL, size::S]).min_col_width(140.0).show(
            ui,
            |ui| {
                let t = theme::tokens(ui);
                for title in ["Setting", &a.name, &b.name] {
                    ui.label(RichText::new(title).size(size::SMALL).color(t.weak));
                }
                ui.end_row();
                for (key, left, right) in &rows {
                    let field = form::find(key).or_else(|| form::find(key.rsplit_once('.')?.0));
                    let name = field.map_or(key.as_str(), |f| f.title);
                    let part = if form::find(key).is_none() {
                        key.rsplit('.').next().map(|p| format!(" ({p})"))
                    } else {
                        None
                    };
                    let help = field.map_or("", |f| f.help);
                    ui.label(format!("{name}{}", part.filter(|_| field.is_some()).unwrap_or_default()))
                        .on_hover_text(format!("{key}\n{help}"));
                    let unit = field.map_or("", |f| f.unit);
                    ui.label(value_text(left, unit));
                    ui.label(value_text(right, unit));
                    ui.end_row();
                }
            },
        );
    });
    scores(ui, a, b, studio);
    close
}

/// Scores of both, and which is better where that can be said.
fn scores(ui: &mut Ui, a: &ModelInfo, b: &ModelInfo, studio: &Studio) {
    let of = |m: &ModelInfo| studio.evaluations.get(&m.model).map(|e| e.scores.as_slice()).unwrap_or_default();
    let pairs: Vec<(&Score, &Score)> = newest(of(a))
        .into_iter()
        .filter_map(|s| Some((s, newest(of(b)).into_iter().find(|o| o.name == s.name)?)))
        .collect();
    if pairs.is_empty() {
        return;
    }
    ui.add_space(size::M);
    theme::section(ui, "Scores");
    let t = theme::tokens(ui);
    egui::Grid::new("score diff").num_columns(4).striped(true).spacing([size::XL, size::S]).show(ui, |ui| {
        for title in ["Score", &a.name, &b.name, "Better"] {
            ui.label(RichText::new(title).size(size::SMALL).color(t.weak));
        }
        ui.end_row();
        for (left, right) in pairs {
            ui.label(table::name(&left.name).map_or(left.name.as_str(), |n| n.title));
            ui.label(format::number(left.value));
            ui.label(format::number(right.value));
            match compare(left, right) {
                Ok(Standing::Better) => ui.label(&a.name),
                Ok(Standing::Worse) => ui.label(&b.name),
                Ok(Standing::Alike) => theme::weak(ui, "alike"),
                Err(problem) => theme::weak(ui, "not comparable").on_hover_text(problem.to_string()),
            };
            ui.end_row();
        }
    });
}

/// A value as a person reads it.
fn value_text(value: &Value, unit: &str) -> String {
    let text = match value {
        Value::Null => return "–".into(),
        Value::Bool(on) => return if *on { "yes" } else { "no" }.into(),
        Value::String(text) if text.is_empty() => return "–".into(),
        Value::String(text) => format::shortened(text, 48),
        Value::Number(n) if n.is_u64() => format::count(n.as_u64().unwrap_or_default()),
        Value::Number(n) => match n.as_f64() {
            Some(v) if v.fract() == 0.0 && (0.0..1e15).contains(&v) => format::count(v as u64),
            _ => n.to_string(),
        },
        other => format::shortened(&other.to_string(), 48),
    };
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_well() {
        assert_eq!(value_text(&json!(true), ""), "yes");
        assert_eq!(value_text(&json!(1200), "kimg"), "1,200 kimg");
        assert_eq!(value_text(&json!(0.0002), ""), "0.0002");
        assert_eq!(value_text(&Value::Null, "px"), "–");
        assert_eq!(value_text(&json!([255, 255, 255]), ""), "[255,255,255]");
    }
}
