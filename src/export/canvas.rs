//! Pictures on a canvas of a fixed size, as social networks and screens want them.

use super::png::check_size;
use super::scale::{Filter, resized, scale};
use super::sheet::over;
use crate::base::{Picture, Problem, Result};
use crate::recipe::picture::Canvas;

/// A canvas that can be chosen by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedCanvas {
    /// What the command line calls it.
    pub id: &'static str,
    /// What menus call it.
    pub title: &'static str,
    /// Pixels across and down.
    pub size: (u32, u32),
}

/// Every canvas that can be chosen by name.
pub const CANVASES: &[NamedCanvas] = &[
    NamedCanvas { id: "square", title: "Square post", size: (1080, 1080) },
    NamedCanvas { id: "story", title: "Story", size: (1080, 1920) },
    NamedCanvas { id: "4k", title: "4K screen", size: (3840, 2160) },
];

/// The canvas of a name, or of a size such as `1200x630`.
///
/// # Errors
/// There is none of this name, or it would be too large.
pub fn canvas(text: &str, colour: [u8; 4]) -> Result<Canvas> {
    let named = CANVASES.iter().find(|c| c.id.eq_ignore_ascii_case(text.trim())).map(|c| c.size);
    let typed = || {
        let (w, h) = text.split_once(['x', 'X', '×'])?;
        Some((w.trim().parse().ok()?, h.trim().parse().ok()?))
    };
    let Some((width, height)) = named.or_else(typed) else {
        let known: Vec<_> = CANVASES.iter().map(|c| c.id).collect();
        let remedy = format!("Choose one of {}, or a size such as 1200x630", known.join(", "));
        return Err(Problem::usage("There is no such canvas").of(text).try_this(remedy));
    };
    check_size(u64::from(width), u64::from(height))?;
    Ok(Canvas { width, height, colour })
}

/// A colour as `#rrggbb`, `#rrggbbaa`, `white`, `black` or `transparent`.
///
/// # Errors
/// It is none of these.
pub fn colour(text: &str) -> Result<[u8; 4]> {
    match text.trim().to_ascii_lowercase().as_str() {
        "white" => return Ok([255; 4]),
        "black" => return Ok([0, 0, 0, 255]),
        "transparent" => return Ok([0; 4]),
        _ => {}
    }
    let digits = text.trim().trim_start_matches('#');
    let hex = |d: &&str| d.bytes().all(|b| b.is_ascii_hexdigit());
    let byte = |i: usize| digits.get(2 * i..2 * i + 2).filter(hex).and_then(|d| u8::from_str_radix(d, 16).ok());
    let parts: Option<Vec<u8>> = (0..digits.len() / 2).map(byte).collect();
    match parts.as_deref() {
        Some([r, g, b]) if digits.len() == 6 => Ok([*r, *g, *b, 255]),
        Some([r, g, b, a]) if digits.len() == 8 => Ok([*r, *g, *b, *a]),
        _ => Err(Problem::usage("This is no colour").of(text).try_this("Give #rrggbb, white, black or transparent")),
    }
}

/// Pixels that a picture takes on a canvas: with hard pixels the largest whole multiple that fits, else as large as it
/// can be in its proportions. What is larger than the canvas is made smaller.
pub fn inner(width: u32, height: u32, canvas: &Canvas, filter: Filter) -> (u32, u32) {
    let (width, height) = (width.max(1), height.max(1));
    let whole = (canvas.width / width).min(canvas.height / height);
    if filter == Filter::Nearest && whole >= 1 {
        return (width * whole, height * whole);
    }
    let of = |side: u32, room: u32, other: u32| {
        ((u64::from(side) * u64::from(room) + u64::from(other) / 2) / u64::from(other)).max(1) as u32
    };
    if u64::from(width) * u64::from(canvas.height) >= u64::from(height) * u64::from(canvas.width) {
        (canvas.width, of(height, canvas.width, width).min(canvas.height))
    } else {
        (of(width, canvas.height, height).min(canvas.width), canvas.height)
    }
}

/// A picture in the middle of a canvas, as large as [`inner`] says.
pub fn place(p: &Picture, canvas: &Canvas, filter: Filter) -> Picture {
    let (width, height) = inner(p.width, p.height, canvas, filter);
    let sized = if filter == Filter::Nearest && width >= p.width {
        scale(p, width / p.width.max(1), filter)
    } else {
        resized(p, width, height)
    };
    let sized = if canvas.colour[3] == 255 {
        let [r, g, b, _] = canvas.colour;
        over(&sized, [r, g, b])
    } else {
        sized
    };
    let mut out = Picture::filled(canvas.width, canvas.height, canvas.colour);
    out.paste(&sized, (canvas.width - width) / 2, (canvas.height - height) / 2);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_pixels_take_the_largest_whole_factor_and_stay_in_the_middle() {
        let red = [255, 0, 0, 255];
        let p = Picture::filled(32, 32, red);
        for named in CANVASES {
            let canvas = canvas(named.id, [1, 2, 3, 255]).unwrap();
            assert_eq!((canvas.width, canvas.height), named.size);
            let factor = canvas.width.min(canvas.height) / 32;
            assert_eq!(inner(32, 32, &canvas, Filter::Nearest), (32 * factor, 32 * factor));
            let out = place(&p, &canvas, Filter::Nearest);
            assert_eq!((out.width, out.height), named.size);
            assert_eq!(out.pixel(canvas.width / 2, canvas.height / 2), red);
            assert_eq!(out.pixel(0, 0), [1, 2, 3, 255]);
            let (left, right) = ((canvas.width - 32 * factor) / 2, canvas.width - (canvas.width - 32 * factor) / 2);
            let middle = canvas.height / 2;
            assert_eq!([out.pixel(left, middle), out.pixel(right - 1, middle)], [red; 2]);
            assert_ne!(out.pixel(left - 1, middle), red);
        }
    }

    #[test]
    fn smooth_pictures_fill_the_canvas_in_their_proportions() {
        let square = canvas("square", [0, 0, 0, 255]).unwrap();
        assert_eq!(inner(64, 64, &square, Filter::Lanczos), (1080, 1080));
        assert_eq!(inner(60, 40, &square, Filter::Lanczos), (1080, 720));
        assert_eq!(inner(40, 60, &canvas("story", [0; 4]).unwrap(), Filter::Lanczos), (1080, 1620));
        let out = place(&Picture::filled(60, 40, [9, 200, 9, 255]), &square, Filter::Lanczos);
        assert_eq!((out.pixel(0, 540), out.pixel(540, 10)), ([9, 200, 9, 255], [0, 0, 0, 255]));
    }

    #[test]
    fn larger_pictures_are_made_smaller_and_transparency_shows_the_colour_or_stays() {
        let small = canvas("20x10", [0; 4]).unwrap();
        let big = Picture::filled(50, 50, [7, 7, 7, 0]);
        for filter in [Filter::Nearest, Filter::Lanczos] {
            assert_eq!(inner(50, 50, &small, filter), (10, 10));
            assert!(place(&big, &small, filter).rgba.chunks(4).all(|p| p[3] == 0));
            let white = Canvas { colour: [255; 4], ..small };
            assert!(place(&big, &white, filter).rgba.iter().all(|v| *v == 255));
        }
        assert_eq!(inner(4000, 1, &small, Filter::Lanczos), (20, 1));
    }

    #[test]
    fn names_sizes_and_colours_are_understood_or_refused() {
        assert_eq!(canvas("1200x630", [0; 4]).unwrap(), Canvas { width: 1200, height: 630, colour: [0; 4] });
        for bad in ["", "poster", "0x5", "99999x99999", "12x"] {
            assert!(canvas(bad, [0; 4]).is_err(), "{bad}");
        }
        assert!(canvas("poster", [0; 4]).unwrap_err().remedy.unwrap().contains("story"));
        assert_eq!(colour("#0a0B0c").unwrap(), [10, 11, 12, 255]);
        assert_eq!((colour("01020304").unwrap(), colour("White").unwrap()), ([1, 2, 3, 4], [255; 4]));
        for bad in ["#12", "red", "#12345", "é1234", "#+1+2+3"] {
            assert!(colour(bad).is_err(), "{bad}");
        }
    }
}
