//! What stands before the window of an encrypted library: it is locked at the start, after a while without anybody, and by
//! a key. Locked, there is no engine, no view and no key in this process. Turning encryption on or off happens here too,
//! while nothing else of the studio is open.

mod pages;
#[cfg(test)]
mod tests;
mod work;

use std::time::Duration;

use egui::{Context, Ui};
use zeroize::Zeroize;

use self::work::{Outcome, Work};
use super::app::{Options, StudioApp};
use super::theme::{self, Mode};
use crate::base::paths::Paths;
use crate::base::vault::{self, Cost, InUse, Standing};
use crate::base::{Problem, Result};
use crate::engine::Engine;

/// What is asked of the gate from inside the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Lock now.
    Lock,
    /// Encrypt the library.
    TurnOn,
    /// Make it plain again.
    TurnOff,
    /// Replace the passphrase.
    Passphrase,
    /// Replace the recovery key.
    Recovery,
}

/// Makes an engine, each time the library is unlocked.
pub type Start = Box<dyn Fn() -> Result<Box<dyn Engine>>>;

/// Makes the options of a window.
pub type MakeOptions = Box<dyn Fn() -> Options>;

/// What is shown in place of the window.
pub(super) enum Page {
    /// Nothing: the window itself.
    Window,
    /// The library is locked.
    Locked,
    /// A form; what it is for.
    Form(Wish),
    /// Something works.
    Working(Work),
    /// The recovery key, once.
    Recovery,
    /// Something went wrong that cannot be tried again by a form.
    Failed(Problem),
}

/// What a person typed. Overwritten when it is dropped.
#[derive(Default)]
pub(super) struct Typed {
    pub old: String,
    pub new: String,
    pub again: String,
    pub show: bool,
    /// Whether the recovery key was written down.
    pub noted: bool,
    pub problem: Option<Problem>,
}

impl Drop for Typed {
    fn drop(&mut self) {
        [&mut self.old, &mut self.new, &mut self.again].into_iter().for_each(Zeroize::zeroize);
    }
}

/// The window, and what stands before it.
pub struct Gate {
    paths: Paths,
    start: Start,
    options: MakeOptions,
    /// What new passphrases cost; measured if it is not given.
    cost: Option<Cost>,
    app: Option<Box<StudioApp>>,
    page: Page,
    typed: Typed,
    recovery: Option<vault::RecoveryKey>,
    standing: Standing,
    in_use: Option<InUse>,
    /// When somebody last did something, in seconds of the window's clock.
    active: f64,
    dressed: bool,
}

impl Gate {
    /// A window over an engine that has begun already, or over a library that may be locked.
    ///
    /// # Errors
    /// The header of the library is damaged, or the engine does not start.
    pub fn new(
        paths: Paths,
        engine: Option<Box<dyn Engine>>,
        start: Start,
        options: MakeOptions,
        cost: Option<Cost>,
    ) -> Result<Self> {
        let standing = vault::standing(&paths)?;
        let mut gate = Self {
            paths,
            start,
            options,
            cost,
            app: None,
            page: Page::Locked,
            typed: Typed::default(),
            recovery: None,
            standing,
            in_use: None,
            active: 0.0,
            dressed: false,
        };
        match engine {
            Some(engine) => {
                gate.in_use = Some(vault::enter(&gate.paths)?);
                gate.open_over(engine);
            }
            None if !standing.is_locked() => gate.open()?,
            None => {}
        }
        Ok(gate)
    }

    /// The window, unless something stands before it.
    pub fn app(&self) -> Option<&StudioApp> {
        self.app.as_deref()
    }

    /// The window, unless something stands before it.
    pub fn app_mut(&mut self) -> Option<&mut StudioApp> {
        self.app.as_deref_mut()
    }

    fn open(&mut self) -> Result<()> {
        if self.in_use.is_none() {
            self.in_use = Some(vault::enter(&self.paths)?);
        }
        let engine = (self.start)()?;
        self.open_over(engine);
        Ok(())
    }

    fn open_over(&mut self, engine: Box<dyn Engine>) {
        let mut app = StudioApp::new(engine, self.paths.clone(), (self.options)());
        app.set_encrypted(self.standing != Standing::Plain);
        self.app = Some(Box::new(app));
        (self.page, self.typed, self.active) = (Page::Window, Typed::default(), 0.0);
    }

    /// Ends the engine and forgets all that the window knew; the key stays.
    fn close_window(&mut self, ctx: &Context) {
        if let Some(mut app) = self.app.take() {
            app.leave(ctx);
        }
        self.in_use = None;
        // Text fields keep what was typed for Undo, and pictures may be kept by their name.
        ctx.memory_mut(|m| {
            m.data.clear();
            m.caches = egui::cache::CacheStorage::default();
            m.reset_areas();
        });
        ctx.forget_all_images();
        self.dressed = false;
    }

    fn lock(&mut self, ctx: &Context) {
        self.close_window(ctx);
        vault::lock(&self.paths);
        self.typed = Typed::default();
        self.recovery = None;
        match vault::standing(&self.paths) {
            Ok(standing) => (self.standing, self.page) = (standing, Page::Locked),
            Err(problem) => self.page = Page::Failed(problem),
        }
        ctx.request_repaint();
    }

    /// The part of a frame that draws nothing.
    pub fn logic(&mut self, ctx: &Context) {
        if let Page::Working(work) = &mut self.page
            && let Some(outcome) = work.ended()
        {
            self.ended(ctx, outcome);
        }
        let Some(app) = &mut self.app else { return };
        app.logic(ctx);
        let wish = app.take_wish();
        let minutes = app.studio().settings.lock_after;
        if let Some(wish) = wish {
            self.wish(ctx, wish);
        } else if self.standing != Standing::Plain {
            self.watch(ctx, f64::from(minutes) * 60.0);
        }
    }

    /// Locks when nobody did anything for so many seconds; 0 is never.
    fn watch(&mut self, ctx: &Context, after: f64) {
        let (time, busy) = ctx.input(|i| (i.time, !i.events.is_empty() || i.pointer.is_moving()));
        if busy || self.active == 0.0 {
            self.active = time;
        }
        if after <= 0.0 {
            return;
        }
        let left = self.active + after - time;
        if left <= 0.0 {
            self.lock(ctx);
        } else {
            ctx.request_repaint_after(Duration::from_secs_f64(left + 0.1));
        }
    }

    fn wish(&mut self, ctx: &Context, wish: Wish) {
        let fits = matches!(wish, Wish::TurnOn) == (self.standing == Standing::Plain);
        if !fits {
            return;
        }
        self.typed = Typed::default();
        match wish {
            Wish::Lock => self.lock(ctx),
            wish => self.page = Page::Form(wish),
        }
    }

    /// Begins what a form asks for.
    pub(super) fn submit(&mut self, ctx: &Context, wish: Wish) {
        let typed = std::mem::take(&mut self.typed);
        self.page = match wish {
            Wish::Lock => Page::Working(Work::unlock(ctx, self.paths.clone(), typed.old.clone())),
            Wish::Passphrase => {
                Page::Working(Work::passphrase(ctx, self.paths.clone(), typed.old.clone(), typed.new.clone()))
            }
            Wish::Recovery => Page::Working(Work::recovery(ctx, self.paths.clone(), typed.old.clone())),
            Wish::TurnOn | Wish::TurnOff => {
                self.close_window(ctx);
                let new = (wish == Wish::TurnOn).then(|| typed.new.clone());
                Page::Working(Work::convert(ctx, self.paths.clone(), new, self.cost))
            }
        };
    }

    /// Goes on with what was interrupted.
    fn go_on(&mut self, ctx: &Context) {
        self.close_window(ctx);
        let on = !matches!(self.standing, Standing::Unlocked(vault::State::TurningOff));
        self.page = Page::Working(Work::convert(ctx, self.paths.clone(), on.then(String::new), self.cost));
    }

    fn ended(&mut self, ctx: &Context, outcome: Outcome) {
        match vault::standing(&self.paths) {
            Ok(standing) => self.standing = standing,
            Err(problem) => {
                self.page = Page::Failed(problem);
                return;
            }
        }
        if let Some(app) = &mut self.app {
            app.set_encrypted(self.standing != Standing::Plain);
        }
        let Outcome { wish, recovery, result } = outcome;
        self.recovery = recovery.or(self.recovery.take());
        match result {
            Ok(()) if wish == Wish::Lock && self.standing.is_half_way() => self.go_on(ctx),
            Ok(()) if self.recovery.is_some() => self.page = Page::Recovery,
            Ok(()) => self.back(),
            Err(problem) => {
                self.page = match wish {
                    // Once a file was touched, the form has nothing to say any more.
                    Wish::TurnOn | Wish::TurnOff if self.standing != Standing::Plain => Page::Failed(problem.clone()),
                    Wish::Lock => Page::Locked,
                    wish => Page::Form(wish),
                };
                self.typed.problem = Some(problem);
            }
        }
        ctx.request_repaint();
    }

    /// To the window, or to the lock before it.
    pub(super) fn back(&mut self) {
        (self.typed, self.recovery) = (Typed::default(), None);
        if self.app.is_some() {
            self.page = Page::Window;
        } else if self.standing.is_locked() {
            self.page = Page::Locked;
        } else if let Err(problem) = self.open() {
            self.page = Page::Failed(problem);
        }
    }

    /// Draws a frame.
    pub fn draw(&mut self, ui: &mut Ui) {
        if let (Page::Window, Some(app)) = (&self.page, &mut self.app) {
            return app.draw(ui);
        }
        let ctx = ui.ctx().clone();
        if self.app.is_none() && !self.dressed {
            self.dressed = true;
            theme::install_fonts(&ctx);
            theme::apply(&ctx, Mode::System, false);
        }
        if !ctx.fonts(|f| f.families().iter().any(|family| family.to_string() == egui_material_icons::FONT_FAMILY)) {
            ctx.request_discard("fonts");
            ctx.request_repaint();
            return;
        }
        pages::show(self, ui);
    }

    /// Writes everything down and ends the engine's threads.
    pub fn leave(&mut self, ctx: &Context) {
        if let Page::Working(work) = &mut self.page {
            work.leave();
        }
        self.close_window(ctx);
        vault::lock(&self.paths);
    }
}

impl eframe::App for Gate {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        Self::logic(self, ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

/// eframe's view of the window; keeps the context for the last goodbye.
pub struct Windowed {
    gate: Gate,
    ctx: Context,
}

impl Windowed {
    /// For eframe.
    pub fn new(ctx: &Context, gate: Gate) -> Self {
        Self { gate, ctx: ctx.clone() }
    }
}

impl eframe::App for Windowed {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.gate.logic(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.gate.draw(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.gate.leave(&self.ctx);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
