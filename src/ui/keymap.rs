//! Which keys were pressed this frame, as commands. The table is in [`super::command`] and [`super::views::VIEWS`].

use egui::os::OperatingSystem;
use egui::{Context, KeyboardShortcut, Modifiers};
use strum::IntoEnumIterator;

use super::command::UiCommand;
use super::views::{VIEWS, ViewId};

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A command.
    Command(UiCommand),
    /// Show a view.
    View(ViewId),
}

/// The key that shows a view.
pub fn view_shortcut(view: ViewId) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, view.spec().key)
}

/// Every binding of an operating system.
pub fn bindings(os: OperatingSystem) -> Vec<(KeyboardShortcut, Bound)> {
    let commands = UiCommand::iter().flat_map(|c| c.shortcuts(os).into_iter().map(move |s| (s, Bound::Command(c))));
    let views = VIEWS.iter().map(|v| (view_shortcut(v.id), Bound::View(v.id)));
    let mut all: Vec<_> = commands.chain(views).collect();
    // egui ignores additional Shift and Alt when it matches: the most specific ones must be asked first.
    all.sort_by_key(|(s, _)| std::cmp::Reverse(u8::from(s.modifiers.shift) + u8::from(s.modifiers.alt)));
    all
}

/// Takes the pressed keys out of the input. While somebody types, keys that a text field needs are left to it; under a
/// dialog only keys of the window as a whole mean anything, and the others are taken all the same.
pub fn take(ctx: &Context, dialog: bool) -> Vec<Bound> {
    // Asked before: the context is locked while its input is changed.
    let (typing, os) = (ctx.text_edit_focused(), ctx.os());
    let allowed = |bound: Bound| match bound {
        Bound::Command(c) => !typing || c.works_while_typing(),
        Bound::View(_) => true,
    };
    ctx.input_mut(|input| {
        // Most frames have no key at all.
        if !input.events.iter().any(|e| matches!(e, egui::Event::Key { pressed: true, .. })) {
            return Vec::new();
        }
        let pressed =
            bindings(os).into_iter().filter(|(s, b)| allowed(*b) && input.consume_shortcut(s)).map(|(_, b)| b);
        let means = |b: &Bound| !dialog || matches!(b, Bound::Command(c) if c.works_over_dialogs());
        pressed.filter(means).collect()
    })
}

/// How the first key of a command is written, or nothing.
pub fn written(ctx: &Context, command: UiCommand) -> String {
    command.shortcuts(ctx.os()).first().map_or(String::new(), |s| spelled(ctx, s))
}

/// How keys are written: signs as signs.
pub fn spelled(ctx: &Context, shortcut: &KeyboardShortcut) -> String {
    let text = ctx.format_shortcut(shortcut);
    let signs =
        [("Backslash", "\\"), ("Questionmark", "?"), ("Plus", "+"), ("Minus", "−"), ("Comma", ","), ("Period", ".")];
    signs.iter().find_map(|(word, sign)| text.strip_suffix(word).map(|head| format!("{head}{sign}"))).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that mean something inside a text field or a view and must stay free.
    const RESERVED: [(Modifiers, egui::Key); 4] = [
        (Modifiers::COMMAND, egui::Key::C),
        (Modifiers::COMMAND, egui::Key::V),
        (Modifiers::COMMAND, egui::Key::X),
        (Modifiers::NONE, egui::Key::Space),
    ];

    #[test]
    fn no_two_commands_share_a_key() {
        for os in [OperatingSystem::Nix, OperatingSystem::Windows, OperatingSystem::Mac] {
            // COMMAND is Ctrl except on a Mac: compare what is really pressed.
            let pressed = |s: &KeyboardShortcut| {
                let m = s.modifiers;
                let mac = os == OperatingSystem::Mac;
                let (ctrl, cmd) = if mac { (m.ctrl, m.command) } else { (m.ctrl || m.command, false) };
                (ctrl, cmd, m.shift, m.alt, s.logical_key)
            };
            let all = bindings(os);
            for (i, (a, what)) in all.iter().enumerate() {
                for (b, other) in &all[i + 1..] {
                    assert!(pressed(a) != pressed(b), "{os:?}: {what:?} and {other:?} share {a:?}");
                }
                for (modifiers, key) in RESERVED {
                    assert!(*a != KeyboardShortcut::new(modifiers, key), "{what:?} takes {a:?}");
                }
            }
        }
    }

    #[test]
    fn every_command_has_words() {
        for command in UiCommand::iter() {
            assert!(!command.text().ends_with('.') && command.tooltip().len() > 8, "{command:?}");
            assert!(!command.tooltip().ends_with('.'), "{command:?}");
        }
    }

    #[test]
    fn the_table_of_views_is_in_order() {
        for (view, row) in ViewId::iter().zip(&VIEWS) {
            assert_eq!(view, row.id);
            assert_eq!((row.new)().id(), view);
        }
        assert_eq!(ViewId::iter().count(), VIEWS.len());
    }
}
