//! Which version is served: one append-only history per (pipeline, bar, horizon), moved by compare-and-set.
//!
//! A swap is *one* event, so there is no state between two. `previous` is therefore not stored but derived: the version
//! that was champion before the newest change. The challenger's history (shadow) has its place in the same events.

use market::{Alias, AliasEvent, AliasKey, Span, Timestamp};

use crate::{Registry, RegistryError, limits::SWAP_ATTEMPTS};

/// The version that `alias` names for a bar that ends at `as_of`; `None` = none.
///
/// The newest event that has taken effect counts. `effective_from` never decreases along a history (see
/// [`Registry::swap`]), so a bar's answer never changes once its end lies before every later swap.
pub fn at(history: &[AliasEvent], alias: Alias, as_of: Timestamp) -> Option<u64> {
    let effective = |wanted: Alias| {
        history
            .iter()
            .rev()
            .filter(move |e| e.alias == wanted && e.effective_from <= as_of)
            .map(|e| e.version)
    };
    match alias {
        Alias::Champion | Alias::Challenger => effective(alias).next().flatten(),
        Alias::Previous => {
            let mut champions = effective(Alias::Champion);
            let current = champions.next()?;
            champions.find(|v| *v != current).flatten()
        }
    }
}

/// The first bar end after `watermark`: what a swap made now takes effect from. Before any tick: the beginning of time.
pub fn effective_after(watermark: Option<Timestamp>, bar: Span) -> Timestamp {
    watermark.map_or(Timestamp::MIN, |w| w.floor(bar) + bar)
}

/// A wish to move an alias.
#[derive(Debug, Clone)]
pub struct SwapRequest {
    /// Bars ahead: which history.
    pub horizon: u32,
    /// The alias to move.
    pub alias: Alias,
    /// What it names afterwards; `None` = nothing.
    pub version: Option<u64>,
    /// Greatest watermark at the swap.
    pub watermark: Option<Timestamp>,
    /// The bar size.
    pub bar: Span,
    /// When, record time scale.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
}

/// What became of a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swapped {
    /// This event moved the alias.
    Done(AliasEvent),
    /// The alias names this version already.
    Already(AliasEvent),
    /// The alias names a newer version: an older one never displaces it.
    Newer(AliasEvent),
}

impl Registry {
    /// The key of a horizon's history.
    pub fn alias_key(&self, horizon: u32) -> AliasKey {
        AliasKey { pipeline: self.pipeline.clone(), bar: self.bar.clone(), horizon }
    }

    /// The history of a horizon, oldest first.
    pub async fn alias_history(&self, horizon: u32) -> Result<Vec<AliasEvent>, RegistryError> {
        Ok(self.store.alias_history(&self.alias_key(horizon)).await?)
    }

    /// Appends one event if the history still ends at `seen`; `false` when another was faster.
    pub async fn compare_and_swap(
        &self,
        request: &SwapRequest,
        seen: &[AliasEvent],
    ) -> Result<Option<AliasEvent>, RegistryError> {
        let last = seen.last();
        let floor = last.map_or(Timestamp::MIN, |e| e.effective_from);
        let event = AliasEvent {
            seq: last.map_or(0, |e| e.seq) + 1,
            alias: request.alias,
            version: request.version,
            effective_from: effective_after(request.watermark, request.bar).max(floor),
            at: request.at,
            actor: request.actor.clone(),
            reason: request.reason.clone(),
        };
        let won = self.store.append_alias(&self.alias_key(request.horizon), &event).await?;
        Ok(won.then_some(event))
    }

    /// Moves an alias to a version, unless it names that or a newer one already. Races are lost at most a few times: each
    /// lost race means that another swap was made, and is looked at before the next try.
    pub async fn swap(&self, request: &SwapRequest) -> Result<Swapped, RegistryError> {
        for _ in 0..SWAP_ATTEMPTS {
            let history = self.alias_history(request.horizon).await?;
            if let Some(current) = history.iter().rev().find(|e| e.alias == request.alias) {
                if current.version == request.version {
                    return Ok(Swapped::Already(current.clone()));
                }
                if let (Some(now), Some(wanted)) = (current.version, request.version)
                    && now > wanted
                {
                    return Ok(Swapped::Newer(current.clone()));
                }
            }
            if let Some(event) = self.compare_and_swap(request, &history).await? {
                return Ok(Swapped::Done(event));
            }
        }
        Err(RegistryError::Contended {
            what: format!("moving {} of horizon {}", request.alias.as_str(), request.horizon),
            attempts: u64::from(SWAP_ATTEMPTS),
        })
    }
}
