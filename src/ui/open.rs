//! Opens the window: wgpu first, OpenGL if that does not start.

use std::cell::Cell;
use std::rc::Rc;

use eframe::{NativeOptions, Renderer};
use egui::{IconData, ViewportBuilder};

use super::app::Options;
use super::gate::{Gate, Windowed};
use super::persistence;
use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::engine::Engine;

/// Size of the first window, in points.
const SIZE: [f32; 2] = [1280.0, 800.0];
/// Smallest window in which nothing is cut off.
const SMALLEST: [f32; 2] = [960.0, 600.0];

/// Makes an engine for a library.
pub type StartEngine = fn(Paths) -> Result<Box<dyn Engine>>;

/// Opens the studio and returns when its window is closed; `until_picture` closes it with its first generated picture.
/// Without an engine the library is locked, and `start` makes one once it is not.
///
/// # Errors
/// No renderer starts: there is no display, or no usable graphics driver.
pub fn open(engine: Option<Box<dyn Engine>>, start: StartEngine, paths: &Paths, until_picture: bool) -> Result<()> {
    let locked = engine.is_none();
    // The window takes the engine only once its renderer has started; until then the next renderer may have it.
    let engine = Rc::new(Cell::new(engine));
    let renderers = match std::env::var("LATENT_STUDIO_RENDERER").as_deref() {
        Ok("glow" | "opengl") => vec![Renderer::Glow],
        Ok("wgpu") => vec![Renderer::Wgpu],
        _ => vec![Renderer::Wgpu, Renderer::Glow],
    };
    let mut reasons = Vec::new();
    for renderer in renderers {
        match open_with(renderer, engine.clone(), start, paths, until_picture) {
            Ok(()) => return Ok(()),
            Err(error) => {
                log::warn!("the window does not start with {renderer}: {error}");
                reasons.push(format!("{renderer}: {error}"));
                // A window that was open and then failed took the engine with it.
                let left = engine.take();
                if left.is_none() && !locked {
                    break;
                }
                engine.set(left);
            }
        }
    }
    Err(Problem::failed("The window could not be opened")
        .try_this(
            "Check that a display is there (DISPLAY or WAYLAND_DISPLAY), or use the command line: latent-studio --help",
        )
        .because(reasons.join("; ")))
}

fn open_with(
    renderer: Renderer,
    engine: Rc<Cell<Option<Box<dyn Engine>>>>,
    start: StartEngine,
    paths: &Paths,
    until_picture: bool,
) -> eframe::Result<()> {
    let kept = persistence::load(&paths.config);
    let size = kept.window.map_or(SIZE, |[w, h]| [w.clamp(SMALLEST[0], 8192.0), h.clamp(SMALLEST[1], 8192.0)]);
    let viewport = ViewportBuilder::default()
        .with_title("Latent Studio")
        .with_app_id("latent-studio")
        .with_inner_size(size)
        .with_min_inner_size(SMALLEST)
        .with_maximized(kept.maximized)
        .with_drag_and_drop(true)
        .with_icon(icon());
    let options =
        NativeOptions { viewport, renderer, persist_window: false, run_and_return: true, ..NativeOptions::default() };
    let paths = paths.clone();
    eframe::run_native(
        "latent-studio",
        options,
        Box::new(move |cc| {
            let own = paths.clone();
            let start = Box::new(move || start(own.clone()));
            let options = Box::new(move || Options { until_picture, ..Options::default() });
            let gate = Gate::new(paths, engine.take(), start, options, None)?;
            Ok(Box::new(Windowed::new(&cc.egui_ctx, gate)))
        }),
    )
}

/// The icon: a point in a cloud that becomes a picture; drawn here, so that no file is needed.
pub fn icon() -> IconData {
    const SIDE: u32 = 128;
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            rgba.extend_from_slice(&icon_pixel(x as f32 / SIDE as f32, y as f32 / SIDE as f32));
        }
    }
    IconData { rgba, width: SIDE, height: SIDE }
}

fn icon_pixel(x: f32, y: f32) -> [u8; 4] {
    let t = &super::theme::DARK;
    let rounded = {
        let (dx, dy) = ((x - 0.5).abs() - 0.26, (y - 0.5).abs() - 0.26);
        (dx.max(0.0).powi(2) + dy.max(0.0).powi(2)).sqrt() < 0.2
    };
    if !rounded {
        return [0; 4];
    }
    // Four by four cells that fade from the cloud's colour to the accent along the diagonal.
    let (cx, cy) = ((x - 0.18) / 0.16, (y - 0.18) / 0.16);
    let inside = (0.0..4.0).contains(&cx) && (0.0..4.0).contains(&cy);
    let gap = |v: f32| (v.fract() - 0.5).abs() > 0.42;
    if !inside || gap(cx) || gap(cy) {
        return t.panel.to_array();
    }
    let along = (cx.floor() + cy.floor()) / 6.0;
    let (a, b) = (t.line.to_array(), t.accent.to_array());
    let mix = |i: usize| (f32::from(a[i]) + (f32::from(b[i]) - f32::from(a[i])) * along) as u8;
    [mix(0), mix(1), mix(2), 255]
}
