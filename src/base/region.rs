//! A rectangle of a picture.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Picture, Problem, Result};

/// A rectangle in the pixels of a picture. As text it is `X,Y,W,H`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Pixels from the left.
    pub x: u32,
    /// Pixels from the top.
    pub y: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.x, self.y, self.width, self.height)
    }
}

impl FromStr for Region {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Option<Vec<u32>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[x, y, width, height]) if width > 0 && height > 0 => Ok(Self { x, y, width, height }),
            _ => Err(Problem::usage("This is no region of a picture")
                .of(text)
                .try_this("Give four whole numbers, X,Y,W,H: pixels from the left and the top, then across and down")),
        }
    }
}

impl Region {
    /// What lies in it.
    ///
    /// # Errors
    /// It is empty, or it reaches beyond the picture.
    pub fn cut(&self, picture: &Picture) -> Result<Picture> {
        let ends = |from: u32, length: u32| u64::from(from) + u64::from(length);
        let empty = self.width == 0 || self.height == 0;
        let beyond = ends(self.x, self.width) > u64::from(picture.width)
            || ends(self.y, self.height) > u64::from(picture.height);
        if empty || beyond {
            let what = if empty { "This region is empty" } else { "This region reaches beyond the picture" };
            return Err(Problem::usage(what)
                .of(self.to_string())
                .because(format!("the picture has {} × {} pixels", picture.width, picture.height))
                .try_this("Give X,Y,W,H with X + W and Y + H within the picture"));
        }
        let [x, y, width, height, stride] =
            [self.x, self.y, self.width, self.height, picture.width].map(|n| n as usize);
        let mut rgba = Vec::with_capacity(width * height * 4);
        for row in y..y + height {
            let begin = (row * stride + x) * 4;
            rgba.extend_from_slice(&picture.rgba[begin..begin + width * 4]);
        }
        Ok(Picture { width: self.width, height: self.height, rgba })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_region_is_cut_out() {
        let rgba: Vec<u8> = (0..5u8 * 4).flat_map(|i| [i, i, i, 255]).collect();
        let picture = Picture { width: 5, height: 4, rgba };
        let cut = "1, 2,3,2".parse::<Region>().unwrap().cut(&picture).unwrap();
        assert_eq!((cut.width, cut.height), (3, 2));
        let greys: Vec<u8> = cut.rgba.chunks(4).map(|p| p[0]).collect();
        assert_eq!(greys, [11, 12, 13, 16, 17, 18]);
        assert_eq!(Region { x: 0, y: 0, width: 5, height: 4 }.cut(&picture).unwrap(), picture);
    }

    #[test]
    fn what_is_no_region_or_reaches_beyond_is_refused() {
        for text in ["", "1,2,3", "1,2,3,4,5", "-1,0,2,2", "0,0,0,4", "a,b,c,d", "1.5,0,2,2", "99999999999,0,1,1"] {
            assert!(text.parse::<Region>().unwrap_err().what.contains("no region"), "{text}");
        }
        let picture = Picture::filled(5, 4, [1; 4]);
        for text in ["5,0,1,1", "0,4,1,1", "3,0,3,1", "0,3,1,2", "4294967295,0,4294967295,1"] {
            let problem = text.parse::<Region>().unwrap().cut(&picture).unwrap_err();
            assert!(problem.what.contains("beyond") && problem.detail.unwrap().contains("5 × 4"), "{text}");
        }
        assert!(Region { x: 0, y: 0, width: 0, height: 1 }.cut(&picture).is_err());
    }
}
