//! Whether everything on the screen can be read and reached, for tests: [`faults`] lists text and controls that are cut
//! off, controls outside the window or over each other, and text broken into single letters.
//!
//! What a scroll area hides is no fault: it has a scroll bar whose end lies where the text or control is cut.

use std::collections::HashMap;

use egui::epaint::{ClippedShape, TextShape};
use egui::{Rect, Role, Shape, ViewportId, WidgetRect, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::NodeT;

/// Points that may be cut without a person noticing: rounding to pixels, and the space around letters.
const SLACK: f32 = 2.0;
/// How far the end of a scroll bar may lie from the edge of what scrolls, in points.
const BAR_END: f32 = 8.0;
/// How far a scroll bar may lie beyond the edge of what scrolls, in points.
const BAR_SIDE: f32 = 40.0;

/// Roles of what a person acts on.
pub const CONTROLS: [Role; 14] = [
    Role::Button,
    Role::CheckBox,
    Role::RadioButton,
    Role::Slider,
    Role::SpinButton,
    Role::ComboBox,
    Role::TextInput,
    Role::MultilineTextInput,
    Role::Link,
    Role::Tab,
    Role::ListBoxOption,
    Role::ListItem,
    Role::MenuItem,
    Role::ColorWell,
];

/// An edge of a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Left,
    Right,
    Top,
    Bottom,
}

/// The edges at which `whole` is cut to `clip`, each with its place.
fn cuts(whole: Rect, clip: Rect) -> Vec<(Edge, f32)> {
    [
        (Edge::Left, clip.left() - whole.left(), clip.left()),
        (Edge::Right, whole.right() - clip.right(), clip.right()),
        (Edge::Top, clip.top() - whole.top(), clip.top()),
        (Edge::Bottom, whole.bottom() - clip.bottom(), clip.bottom()),
    ]
    .into_iter()
    .filter(|(_, over, _)| *over > SLACK)
    .map(|(edge, _, at)| (edge, at))
    .collect()
}

/// Whether an end of a scroll bar lies at a cut.
fn ends_at(bar: Rect, edge: Edge, at: f32) -> bool {
    let upright = bar.height() > bar.width();
    let end = match edge {
        Edge::Left => bar.left(),
        Edge::Right => bar.right(),
        Edge::Top => bar.top(),
        Edge::Bottom => bar.bottom(),
    };
    upright == matches!(edge, Edge::Top | Edge::Bottom) && (end - at).abs() <= BAR_END
}

/// Whether a scroll bar belongs to text in a clip rectangle, by where it lies: after the text, and not beyond the clip.
fn beside(bar: Rect, text: Rect, clip: Rect) -> bool {
    let (after, end, edge) = if bar.height() > bar.width() {
        (text.left() < bar.right(), bar.right(), clip.right())
    } else {
        (text.top() < bar.bottom(), bar.bottom(), clip.bottom())
    };
    after && end <= edge + BAR_SIDE
}

/// Every text of a shape.
fn texts<'a>(shape: &'a Shape, out: &mut Vec<&'a TextShape>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|s| texts(s, out)),
        Shape::Text(text) => out.push(text),
        _ => {}
    }
}

/// A word broken into rows of a few letters, as happens where a column has no room.
fn is_shredded(text: &TextShape) -> bool {
    let rows = &text.galley.rows;
    let short = |letters: usize| (1..=3).contains(&letters);
    let broken = rows.windows(2).filter(|pair| {
        let (above, below) = (pair[0].text(), pair[1].text());
        let inside_word = above.chars().last().is_some_and(char::is_alphabetic)
            && below.chars().next().is_some_and(char::is_alphabetic);
        !pair[0].ends_with_newline && inside_word && short(above.chars().count())
    });
    broken.count() >= 2
}

/// Controls that lie over a part of another one. What lies wholly on another, such as a button on a card, is no fault.
fn overlaps(controls: &[(String, WidgetRect)]) -> Vec<String> {
    let mut out = Vec::new();
    for (i, (name, a)) in controls.iter().enumerate() {
        for (other, b) in &controls[i + 1..] {
            let (one, two) = (a.interact_rect, b.interact_rect);
            let both = one.intersect(two);
            let within = |outer: Rect, inner: Rect| outer.expand(SLACK).contains_rect(inner);
            if a.layer_id == b.layer_id
                && both.width().min(both.height()) > SLACK
                && !within(one, two)
                && !within(two, one)
            {
                out.push(format!("{name} and {other} lie over each other: {one:?} and {two:?}"));
            }
        }
    }
    out
}

fn shortened(text: &str) -> String {
    text.chars().take(48).collect::<String>().replace('\n', " ")
}

struct Screen {
    widgets: HashMap<u64, WidgetRect>,
    /// Scroll bars, each with the ui it stands in.
    bars: Vec<(Rect, u64)>,
    /// Text fields: long text scrolls in them.
    fields: Vec<Rect>,
}

impl Screen {
    /// Whether a ui is another one or stands in it.
    fn stands_in(&self, mut id: u64, ui: u64) -> bool {
        for _ in 0..256 {
            if id == ui {
                return true;
            }
            match self.widgets.get(&id) {
                Some(widget) if widget.parent_id.value() != id => id = widget.parent_id.value(),
                _ => return false,
            }
        }
        false
    }
}

/// What on the screen cannot be read or reached; empty if all is well.
pub fn faults<S>(harness: &Harness<'_, S>) -> Vec<String> {
    let widgets: HashMap<u64, WidgetRect> = harness.ctx.viewport_for(ViewportId::ROOT, |viewport| {
        let all = viewport.prev_pass.widgets.layers().flat_map(|(_, widgets)| widgets.iter());
        all.map(|w| (w.id.value(), *w)).collect()
    });
    let mut screen = Screen { widgets, bars: Vec::new(), fields: Vec::new() };
    let mut controls = Vec::new();
    for node in harness.root().children_recursive() {
        let node = node.accesskit_node();
        let Some(widget) = screen.widgets.get(&node.locate().0.0).copied() else { continue };
        match node.role() {
            Role::ScrollBar => screen.bars.push((widget.rect, widget.parent_id.value())),
            Role::TextInput | Role::MultilineTextInput => screen.fields.push(widget.rect),
            _ => {}
        }
        if CONTROLS.contains(&node.role()) && !node.is_hidden() {
            let name = node.label().or_else(|| node.value()).unwrap_or_default();
            controls.push((format!("{:?} “{}”", node.role(), shortened(&name)), widget));
        }
    }
    let window = harness.ctx.content_rect();
    let mut out = overlaps(&controls);
    for (name, widget) in controls {
        let shown = widget.interact_rect.intersect(window);
        for (edge, at) in cuts(widget.rect, shown) {
            let scrolls =
                |(bar, ui): &(Rect, u64)| ends_at(*bar, edge, at) && screen.stands_in(widget.parent_id.value(), *ui);
            // What is scrolled away altogether ends nowhere near its scroll area.
            let away = !shown.is_positive()
                && screen.bars.iter().any(|(bar, ui)| {
                    (bar.height() > bar.width()) == matches!(edge, Edge::Top | Edge::Bottom)
                        && screen.stands_in(widget.parent_id.value(), *ui)
                });
            if !away && !screen.bars.iter().any(scrolls) {
                out.push(format!("{name} is cut at its {edge:?}: {:?} in {shown:?}", widget.rect));
            }
        }
    }
    for ClippedShape { clip_rect, shape, .. } in &harness.output().shapes {
        let clip = clip_rect.intersect(window);
        let mut found = Vec::new();
        texts(shape, &mut found);
        for text in found {
            let whole = if text.angle == 0.0 {
                text.galley.mesh_bounds.translate(text.pos.to_vec2())
            } else {
                text.visual_bounding_rect()
            };
            let words = shortened(&text.galley.job.text);
            if text.opacity_factor == 0.0 || !whole.is_positive() || words.trim().is_empty() {
                continue;
            }
            if is_shredded(text) {
                out.push(format!("“{words}” is broken into letters at {whole:?}"));
            }
            if screen.fields.iter().any(|f| f.expand2(vec2(1.0, 1.0)).contains_rect(clip)) {
                continue;
            }
            for (edge, at) in cuts(whole, clip) {
                let scrolls = |(bar, _): &(Rect, u64)| ends_at(*bar, edge, at) && beside(*bar, whole, clip);
                if !screen.bars.iter().any(scrolls) {
                    out.push(format!("“{words}” is cut at its {edge:?}: {whole:?} in {clip:?}"));
                }
            }
        }
    }
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use egui::{Label, Pos2, RichText, ScrollArea, Ui};

    use super::*;

    fn of(app: impl FnMut(&mut Ui) + 'static) -> Vec<String> {
        let mut harness = Harness::builder().with_size(vec2(300.0, 200.0)).build_ui(app);
        harness.run();
        faults(&harness)
    }

    fn clipped(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
        let room = Rect::from_min_size(Pos2::new(10.0, 10.0), vec2(100.0, 60.0));
        ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| {
            ui.set_clip_rect(room);
            add(ui);
        });
    }

    #[test]
    fn what_is_whole_or_scrolls_is_no_fault() {
        let found = of(|ui| {
            ui.label("whole");
            let _ = ui.button("also whole");
            ScrollArea::vertical().max_height(60.0).show(ui, |ui| {
                for i in 0..40 {
                    ui.label(format!("row {i}"));
                    let _ = ui.button(format!("button {i}"));
                }
            });
        });
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn what_is_cut_is_named() {
        let found = of(|ui| {
            clipped(ui, |ui| {
                let button = egui::Button::new("a button with very many words on it");
                let _ = ui.add(button.wrap_mode(egui::TextWrapMode::Extend));
            });
        });
        assert!(found.iter().any(|f| f.starts_with("Button") && f.contains("Right")), "{found:?}");
        assert!(found.iter().any(|f| f.starts_with('“') && f.contains("Right")), "{found:?}");
        let found = of(|ui| {
            clipped(ui, |ui| {
                ui.add_space(54.0);
                ui.label("low");
            });
        });
        assert!(found.iter().any(|f| f.contains("Bottom")), "{found:?}");
    }

    #[test]
    fn controls_over_each_other_are_named_but_not_those_on_a_card() {
        let at = |x: f32| Rect::from_min_size(Pos2::new(x, 20.0), vec2(60.0, 24.0));
        let put = |ui: &mut Ui, rect: Rect, name: &str| {
            let _ = ui.put(rect, egui::Button::new(name));
        };
        let found = of(move |ui| {
            put(ui, at(10.0), "one");
            put(ui, at(50.0), "two");
            put(ui, at(112.0), "beside it");
        });
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("“one”") && found[0].contains("“two”"), "{found:?}");
        let found = of(move |ui| {
            put(ui, at(40.0).expand(20.0), "card");
            put(ui, at(40.0), "on it");
        });
        assert!(!found.iter().any(|f| f.contains("over each other")), "{found:?}");
    }

    #[test]
    fn a_word_in_a_column_without_room_is_named() {
        let found = of(|ui| {
            ui.set_max_width(8.0);
            ui.add(Label::new(RichText::new("Library")).wrap());
        });
        assert!(found.iter().any(|f| f.contains("letters")), "{found:?}");
    }
}
