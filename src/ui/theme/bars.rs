//! Bars of controls: as many rows as they need in the room there is.

use egui::{Align, Frame, Id, InnerResponse, Layout, Margin, Stroke, Ui, vec2};

use super::{size, tokens};

/// A bar above a view, for its controls: panel-coloured, with a line below. What does not fit into a row goes into the
/// next one; [`whole`] and [`at_end`] keep controls together.
pub fn toolbar<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let t = tokens(ui);
    // What has no room in it ends at its edge, rather than making all below as wide.
    let room = ui.available_rect_before_wrap();
    let mut bar = ui.new_child(egui::UiBuilder::new().max_rect(room));
    bar.set_clip_rect(ui.clip_rect().intersect(room));
    let shown = Frame::new().fill(t.panel).inner_margin(Margin::symmetric(size::M as i8, 6)).show(&mut bar, |ui| {
        ui.set_min_width(ui.available_width());
        ui.set_min_height(size::CONTROL);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.y = size::XS;
            ui.set_row_height(size::CONTROL);
            add(ui)
        })
        .inner
    });
    let rect = shown.response.rect.with_max_x(room.right());
    ui.advance_cursor_after_rect(rect);
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, t.line));
    shown.inner
}

/// Points that are left in the row of a bar.
pub fn left(ui: &Ui) -> f32 {
    ui.available_size_before_wrap().x
}

/// Controls of a bar that stay together: where they have no room in a row, they begin the next one.
pub fn whole<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    if !ui.layout().main_wrap() {
        return add(ui);
    }
    together(ui, Layout::left_to_right(Align::Center), add)
}

/// Controls of a bar that can be used only if `enabled`.
pub fn enabled<R>(ui: &mut Ui, enabled: bool, add: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    whole(ui, |ui| ui.add_enabled_ui(enabled, add))
}

/// Controls at the right end of a bar, the last one first; in the next row where this one has no room for them.
pub fn at_end<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let layout = Layout::right_to_left(Align::Center);
    if ui.layout().main_wrap() { together(ui, layout, add) } else { ui.with_layout(layout, add).inner }
}

/// What takes the rest of a row, such as text that is cut to it.
pub fn rest<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let room = vec2(left(ui).floor(), size::CONTROL);
    ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), add).inner
}

/// How wide controls are is known once they are drawn; where that changes the row they stand in, they are drawn again.
fn together<R>(ui: &mut Ui, layout: Layout, add: impl FnOnce(&mut Ui) -> R) -> R {
    let id = Id::unique(("together", ui.next_auto_id()));
    let before = ui.data(|d| d.get_temp::<f32>(id)).unwrap_or_default();
    let (room, first) = (left(ui), ui.cursor().left() <= ui.max_rect().left() + 0.5);
    if before > room && !first {
        ui.end_row();
        ui.set_row_height(size::CONTROL);
    }
    let drawn = ui.allocate_ui_with_layout(vec2(left(ui).floor(), size::CONTROL), layout, |ui| {
        // Words that are broken to fit would never show how wide they are.
        ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Extend);
        add(ui)
    });
    let now = drawn.response.rect.width().floor();
    if now != before {
        ui.data_mut(|d| d.insert_temp(id, now));
        if (now > room) != (before > room) && !first {
            ui.ctx().request_discard("controls of a bar change their row");
        }
    }
    drawn.inner
}

#[cfg(test)]
mod tests {
    use egui::Role;
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable;

    use super::*;
    use crate::ui::audit::faults;
    use crate::ui::theme;

    /// A bar in so many points, with every kind of part.
    fn bar(width: f32) -> Harness<'static> {
        let setup = |ctx: &egui::Context| {
            theme::install_fonts(ctx);
            theme::apply(ctx, theme::Mode::Dark, true);
        };
        let (mut share, mut which) = (0.5, 1);
        let builder = Harness::builder().with_size(vec2(width, 300.0)).with_context_setup(setup);
        let mut harness = builder.build_ui(move |ui| {
            toolbar(ui, |ui| {
                let _ = theme::button(ui, None, "First");
                theme::segmented(ui, "Which", &mut which, &[(1, "One of them"), (2, "The other one")]);
                whole(ui, |ui| ui.add(egui::Slider::new(&mut share, 0.0..=1.0)).accessible_name("Share"));
                let combo = egui::ComboBox::from_id_salt("combo").width(110.0).selected_text("Chosen");
                combo.show_ui(ui, |_| ()).response.accessible_name("Combo");
                let _ = enabled(ui, false, |ui| theme::button(ui, None, "Several words long"));
                at_end(ui, |ui| {
                    let _ = theme::button(ui, None, "Last of all");
                    let _ = theme::button(ui, None, "Last but one");
                });
            });
            let _ = theme::button(ui, None, "Below");
        });
        harness.run();
        harness
    }

    #[test]
    fn bars_take_the_rows_they_need() {
        for width in [1400.0, 640.0, 420.0, 300.0] {
            let harness = bar(width);
            assert!(faults(&harness).is_empty(), "{width}: {:?}", faults(&harness));
            let rect = |name: &str| harness.get_by_role_and_label(Role::Button, name).rect();
            let (first, last, below) = (rect("First"), rect("Last of all"), rect("Below"));
            assert!(last.right() > width - 40.0, "{width}: at the right end, {last:?}");
            assert_eq!(rect("Last but one").center().y, last.center().y, "{width}: they stay together");
            assert!(below.top() > last.bottom(), "{width}: nothing lies over what follows");
            assert_eq!(first.center().y < last.center().y - 8.0, width < 1000.0, "{width}: {first:?} {last:?}");
        }
    }
}
