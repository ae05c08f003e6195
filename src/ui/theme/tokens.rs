//! The tokens of the design: every colour and every size of the window, once.

use egui::Color32;

const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

/// The colours of one theme.
#[derive(Debug)]
pub struct Tokens {
    /// Whether this is the dark theme.
    pub dark: bool,
    /// Behind pictures.
    pub canvas: Color32,
    /// Panels and bars.
    pub panel: Color32,
    /// Cards and pop-ups.
    pub raised: Color32,
    /// A raised thing under the pointer.
    pub hover: Color32,
    /// A button under the pointer.
    pub press: Color32,
    /// Lines between things and around fields.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Text of second rank.
    pub weak: Color32,
    /// Text of what cannot be used now.
    pub disabled: Color32,
    /// The one colour that asks to be clicked.
    pub accent: Color32,
    /// Text on `accent`.
    pub on_accent: Color32,
    /// Behind what is selected.
    pub selected: Color32,
    /// It went well.
    pub good: Color32,
    /// Look at this.
    pub warn: Color32,
    /// It failed.
    pub bad: Color32,
    /// Runs and series, in Okabe–Ito order.
    pub series: [Color32; 8],
    /// The two greys behind transparency.
    pub checker: [Color32; 2],
}

impl Tokens {
    /// Colour of run or series `i`.
    pub fn series(&self, i: usize) -> Color32 {
        self.series[i % self.series.len()]
    }
}

/// The dark theme.
pub static DARK: Tokens = Tokens {
    dark: true,
    canvas: hex(0x131417),
    panel: hex(0x1B1D21),
    raised: hex(0x24272C),
    hover: hex(0x2C3036),
    press: hex(0x363B43),
    line: hex(0x32363D),
    text: hex(0xE6E8EB),
    weak: hex(0x9AA0A9),
    disabled: hex(0x5E646D),
    accent: hex(0x7C9CFF),
    on_accent: hex(0x0E1014),
    selected: hex(0x2A3350),
    good: hex(0x4FB286),
    warn: hex(0xE0A84A),
    bad: hex(0xE5645F),
    series: [
        hex(0x56B4E9),
        hex(0xE69F00),
        hex(0x009E73),
        hex(0xCC79A7),
        hex(0xF0E442),
        hex(0xD55E00),
        hex(0x0072B2),
        hex(0xBBBBBB),
    ],
    checker: [hex(0x2A2C31), hex(0x202226)],
};

/// The light theme.
pub static LIGHT: Tokens = Tokens {
    dark: false,
    canvas: hex(0xE9EAEE),
    panel: hex(0xF6F7F9),
    raised: hex(0xFFFFFF),
    hover: hex(0xEDEFF3),
    press: hex(0xE1E4EA),
    line: hex(0xD5D8DE),
    text: hex(0x1B1E23),
    weak: hex(0x5C636E),
    disabled: hex(0xA3A9B3),
    accent: hex(0x3457D5),
    on_accent: hex(0xFFFFFF),
    selected: hex(0xD9E1FA),
    good: hex(0x1E8A5F),
    warn: hex(0xA86A08),
    bad: hex(0xC2352F),
    series: [
        hex(0x56B4E9),
        hex(0xE69F00),
        hex(0x009E73),
        hex(0xCC79A7),
        hex(0xB8A800),
        hex(0xD55E00),
        hex(0x0072B2),
        hex(0x8A8A8A),
    ],
    checker: [hex(0xFFFFFF), hex(0xE2E4E8)],
};

/// Spaces, sizes and type, in points.
pub mod size {
    /// Between things that belong together.
    pub const XS: f32 = 4.0;
    /// Between controls.
    pub const S: f32 = 8.0;
    /// Inside cards and panels.
    pub const M: f32 = 12.0;
    /// Between cards.
    pub const L: f32 = 16.0;
    /// Between sections.
    pub const XL: f32 = 24.0;
    /// Corner of a control.
    pub const RADIUS: u8 = 4;
    /// Corner of a card.
    pub const RADIUS_CARD: u8 = 8;
    /// Small text.
    pub const SMALL: f32 = 12.0;
    /// Body text.
    pub const BODY: f32 = 13.0;
    /// Headings of sections.
    pub const STRONG: f32 = 15.0;
    /// Title of a view.
    pub const TITLE: f32 = 20.0;
    /// The greeting on Home.
    pub const HOME: f32 = 28.0;
    /// Height of a control.
    pub const CONTROL: f32 = 28.0;
    /// Smallest side of something to hit.
    pub const HIT: f32 = 24.0;
    /// Icon beside text.
    pub const ICON: f32 = 16.0;
    /// Icon of the rail and of empty states.
    pub const ICON_LARGE: f32 = 22.0;
    /// Width of the rail.
    pub const RAIL: f32 = 64.0;
    /// Width of the inspector.
    pub const INSPECTOR: f32 = 280.0;
    /// Height of the filmstrip.
    pub const FILMSTRIP: f32 = 96.0;
    /// Height of the status line.
    pub const STATUS: f32 = 28.0;
    /// Length of a motion, in seconds.
    pub const MOTION: f32 = 0.12;
    /// A picture in a list.
    pub const THUMB: f32 = 96.0;
    /// Squares behind transparency.
    pub const CHECKER: f32 = 8.0;
}
