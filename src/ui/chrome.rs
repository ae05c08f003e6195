//! The bars around the panes: menus above, the rail on the left.

use egui::{
    Button, CornerRadius, Frame, Layout, Margin, MenuBar, Panel, RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2,
};
use egui_material_icons::icons::{ICON_CONTRAST, ICON_SEARCH};
use strum::IntoEnumIterator;

use super::action::Action;
use super::command::{Menu, UiCommand};
use super::keymap;
use super::shell::Shell;
use super::theme::{self, size};
use super::views::{VIEWS, ViewId, ViewSpec};

/// Width of an open menu.
const MENU_WIDTH: f32 = 260.0;

/// Menus, the palette's button and the theme's.
pub(super) fn menu_bar(ui: &mut Ui, shell: &mut Shell) {
    let t = theme::tokens(ui);
    let frame = Frame::new().fill(t.panel).inner_margin(Margin::symmetric(size::S as i8, 2));
    Panel::top("menu").frame(frame).show_separator_line(true).show(ui, |ui| {
        MenuBar::new().ui(ui, |ui| {
            ui.add_space(size::S);
            ui.label(RichText::new("Latent Studio").color(t.text));
            ui.add_space(size::S);
            for menu in Menu::iter() {
                menu_button(ui, shell, menu);
            }
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                if theme::icon_button(ui, ICON_CONTRAST, "Dark or light theme").clicked() {
                    shell.actions.push(Action::Ui(UiCommand::Theme));
                }
                let keys = keymap::written(ui.ctx(), UiCommand::Palette);
                let text = theme::icon_text(Some(ICON_SEARCH), &format!("Find  {keys}"), size::SMALL, t.weak);
                let find = ui.add(Button::new(text).fill(t.canvas).min_size(vec2(140.0, size::HIT)));
                theme::name(&find, Role::Button, "Find anything");
                if find.on_hover_text(UiCommand::Palette.tooltip()).clicked() {
                    shell.actions.push(Action::Ui(UiCommand::Palette));
                }
            });
        });
    });
}

fn menu_button(ui: &mut Ui, shell: &mut Shell, menu: Menu) {
    ui.menu_button(menu.title(), |ui| {
        ui.set_width(MENU_WIDTH);
        // The longest menu fits the lowest window.
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.spacing_mut().interact_size.y = size::HIT;
        ui.spacing_mut().button_padding.y = 2.0;
        if menu == Menu::View {
            for view in &VIEWS {
                let keys = keymap::spelled(ui.ctx(), &keymap::view_shortcut(view.id));
                if item(ui, true, view.title, &keys, view.tooltip) {
                    shell.actions.push(Action::Go(view.id));
                }
            }
        }
        let mut first = menu != Menu::View;
        for command in UiCommand::iter().filter(|c| c.menu() == menu) {
            if command.begins_group() && !first {
                ui.add_space(2.0);
                ui.separator();
                ui.add_space(2.0);
            }
            first = false;
            let keys = keymap::written(ui.ctx(), command);
            if item(ui, shell.enabled(command), &shell.text_now(command), &keys, command.tooltip()) {
                shell.actions.push(Action::Ui(command));
            }
        }
    });
}

fn item(ui: &mut Ui, enabled: bool, text: &str, keys: &str, tooltip: &str) -> bool {
    let t = theme::tokens(ui);
    let keys = RichText::new(keys).size(size::SMALL).color(t.weak);
    let button = Button::new(text).shortcut_text(keys).min_size(vec2(ui.available_width(), size::HIT));
    let response = ui.add_enabled(enabled, button);
    theme::name(&response, Role::MenuItem, text);
    let clicked = response.on_hover_text(tooltip).clicked();
    if clicked {
        ui.close();
    }
    clicked
}

/// Height of a button of the rail, in points.
const RAIL_BUTTON: f32 = 52.0;

/// The views, icon over word; Log, Settings and Learn at the bottom.
pub(super) fn rail(ui: &mut Ui, shell: &mut Shell) {
    let t = theme::tokens(ui);
    let frame = Frame::new().fill(t.panel).inner_margin(Margin::symmetric(0, size::XS as i8));
    Panel::left("rail").resizable(false).exact_size(size::RAIL).frame(frame).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let low = |v: &&ViewSpec| matches!(v.id, ViewId::Log | ViewId::Settings | ViewId::Learn);
        let gap = ui.spacing().item_spacing.y;
        // In a low window they move closer together.
        let height = (ui.available_height() / VIEWS.len() as f32 - gap).floor().clamp(18.0, RAIL_BUTTON);
        for view in VIEWS.iter().filter(|v| !low(v)) {
            rail_button(ui, shell, view, height);
        }
        ui.with_layout(Layout::bottom_up(egui::Align::Min), |ui| {
            for view in VIEWS.iter().rev().filter(low) {
                rail_button(ui, shell, view, height);
            }
        });
    });
}

fn rail_button(ui: &mut Ui, shell: &mut Shell, view: &ViewSpec, height: f32) {
    let t = theme::tokens(ui);
    let active = shell.layout.active() == view.id;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    let inner = rect.shrink2(vec2(6.0, 1.0));
    let colour = if active || response.hovered() { t.text } else { t.weak };
    let painter = ui.painter();
    if active || response.hovered() {
        painter.rect_filled(inner, CornerRadius::same(size::RADIUS), if active { t.raised } else { t.hover });
    }
    if active {
        let bar = egui::Rect::from_min_size(rect.left_top() + vec2(0.0, 0.23 * height), vec2(3.0, 0.54 * height));
        painter.rect_filled(bar, CornerRadius::same(1), t.accent);
    }
    let font = egui::FontId::new(size::ICON_LARGE, view.icon.font_family());
    let icon = if active { t.accent } else { colour };
    // The word goes first where there is no room for both.
    let worded = height >= 38.0;
    let at = if worded { rect.center_top() + vec2(0.0, 0.38 * height) } else { rect.center() };
    painter.text(at, egui::Align2::CENTER_CENTER, view.icon.codepoint, font, icon);
    if worded {
        let font = egui::FontId::proportional(size::SMALL);
        let at = rect.center_bottom() - vec2(0.0, 0.23 * height);
        painter.text(at, egui::Align2::CENTER_CENTER, view.title, font, colour);
    }
    if response.has_focus() {
        painter.rect_stroke(inner, size::RADIUS, Stroke::new(2.0, t.accent), egui::StrokeKind::Inside);
    }
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, active, view.title));
    let keys = keymap::spelled(ui.ctx(), &keymap::view_shortcut(view.id));
    if response.on_hover_text(format!("{} ({keys})", view.tooltip)).clicked() {
        shell.actions.push(Action::Go(view.id));
    }
}
