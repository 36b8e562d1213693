//! Texts on their way into an Arrow column: most of them stand in a dictionary.

use std::ops::Range;

use arrow::array::{StringViewArray, make_view};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};

use super::error::ScanError;
use super::unit::SplitUnit;
use crate::index::columns::TextColumn;

/// A dictionary of at most so many bytes is handed on with each batch; of a
/// larger one each batch copies the texts that it shows, since whoever keeps a
/// batch keeps, and is charged for, all that its columns point to.
const SHARED_BYTES_MAX: usize = 256 << 10;

/// A column of texts on its way: most of them point into a dictionary.
pub(super) struct TextRows {
    views: Vec<u128>,
    valid: Vec<bool>,
    /// A dictionary that the batch takes along, block 0.
    shared: Option<Buffer>,
    own: Vec<u8>,
}

impl TextRows {
    pub fn new(n_rows: usize) -> Self {
        Self {
            views: vec![0; n_rows],
            valid: vec![false; n_rows],
            shared: None,
            own: Vec::new(),
        }
    }

    /// Takes a dictionary along, if it is small; before any text is set.
    pub fn share(&mut self, bytes: &Buffer) {
        debug_assert!(self.own.is_empty());
        if bytes.len() <= SHARED_BYTES_MAX {
            self.shared = Some(bytes.clone());
        }
    }

    pub fn set(&mut self, row: usize, text: &str) {
        let view = match text.len() {
            0..=12 => make_view(text.as_bytes(), 0, 0),
            _ => {
                let block = u32::from(self.shared.is_some());
                let offset = self.own.len() as u32;
                self.own.extend_from_slice(text.as_bytes());
                make_view(text.as_bytes(), block, offset)
            }
        };
        self.set_view(row, view);
    }

    /// Sets the text at `place` of a dictionary, which is UTF-8.
    pub fn set_place(&mut self, row: usize, bytes: &Buffer, place: Range<usize>) {
        let offset = place.start as u32;
        let Some(text) = bytes.as_slice().get(place) else {
            return;
        };
        if self.shared.is_some() {
            self.set_view(row, make_view(text, 0, offset));
        } else if let Ok(text) = std::str::from_utf8(text) {
            self.set(row, text);
        }
    }

    fn set_view(&mut self, row: usize, view: u128) {
        if let (Some(slot), Some(valid)) = (self.views.get_mut(row), self.valid.get_mut(row)) {
            *slot = view;
            *valid = true;
        }
    }

    /// Sets the texts of ordinals of a split's column, each with its row.
    pub fn set_ords(
        &mut self,
        unit: &SplitUnit,
        name: &str,
        column: &TextColumn,
        found: &[(usize, u64)],
    ) -> Result<(), ScanError> {
        let mut ords: Vec<u64> = found.iter().map(|(_, ord)| *ord).collect();
        ords.sort_unstable();
        ords.dedup();
        let texts = unit.texts(name, column, ords)?;
        self.share(texts.bytes());
        for (row, ord) in found {
            let place = texts.place(*ord).ok_or_else(|| {
                let reason = format!("ordinal {ord} has no text");
                ScanError::damaged(unit.split.path(), name, reason)
            })?;
            self.set_place(*row, texts.bytes(), place);
        }
        Ok(())
    }

    pub fn finish(self) -> StringViewArray {
        let mut buffers: Vec<Buffer> = self.shared.into_iter().collect();
        if !self.own.is_empty() {
            buffers.push(Buffer::from_vec(self.own));
        }
        let nulls = NullBuffer::from(self.valid);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        // SAFETY: every view was made by `make_view` from the bytes that it
        // points to, in a block that is in `buffers` at that place: the shared
        // dictionary is block 0 and was set before any text, own texts are the
        // block after it. All of them are UTF-8: own texts come from `&str`,
        // dictionaries are checked when they are decoded. Checking again would
        // cost more than building the column.
        unsafe { StringViewArray::new_unchecked(ScalarBuffer::from(self.views), buffers, nulls) }
    }
}
