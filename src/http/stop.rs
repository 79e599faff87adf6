use tokio::sync::watch;

/// The word to stop, for all who serve.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

/// Who gives the word. If it goes without giving it, the word is given.
#[derive(Debug)]
pub(super) struct StopSender(watch::Sender<bool>);

pub(super) fn channel() -> (StopSender, Stop) {
    let (sender, receiver) = watch::channel(false);
    (StopSender(sender), Stop(receiver))
}

impl StopSender {
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Resolves once the word is given.
    pub(super) async fn given(mut self) {
        // An error means that the sender is gone.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
