/* Search without a server. A browser starts no worker from a file: this runs the worker's script in a
   frame instead, and hands messages to and fro, each as a copy and in a turn of its own. Where there is
   a server, it changes nothing. */
(() => {
  if (location.protocol !== "file:") return;

  class FrameWorker extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = null;
      this.onerror = null;
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.documentElement.append(this.frame);
      this.start(new URL(url, document.baseURI));
    }

    start(url) {
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => this.tell(this, window, data);
      const script = inside.document.createElement("script");
      script.src = url;
      script.onload = () => {
        this.inside = inside;
        this.waiting.splice(0).forEach((data) => this.postMessage(data));
      };
      script.onerror = () => this.onerror?.(new ErrorEvent("error", { message: `cannot load ${url}` }));
      inside.document.body.append(script);
    }

    postMessage(data) {
      if (this.inside) this.tell(this.inside, this.inside, data);
      else this.waiting.push(data);
    }

    tell(whom, where, data) {
      const event = new where.MessageEvent("message", { data: where.structuredClone(data) });
      setTimeout(() => {
        whom.dispatchEvent(event);
        // A window calls its `onmessage` by itself.
        if (whom === this) this.onmessage?.(event);
      });
    }

    terminate() {
      this.frame.remove();
    }
  }

  window.Worker = FrameWorker;
})();
