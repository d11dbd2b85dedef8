// A field for a name, right on the drawing.
import { h } from "./dom.js";

export class Naming {
  constructor(app) {
    this.app = app;
  }

  /** Ask for a name at a place (px from the corner of the canvas); null when people press Escape. */
  ask({ at, label, value = "" }) {
    this.close(null);
    const { box } = this.app.canvas;
    return new Promise((resolve) => {
      const field = h("input", { class: "tk-naming", type: "text", "aria-label": label, placeholder: label, value, dir: "auto", autocomplete: "off", spellcheck: "false" });
      const wide = 200;
      field.style.left = `${Math.max(4, Math.min(at.x - wide / 2, box.clientWidth - wide - 4))}px`;
      field.style.top = `${Math.max(4, Math.min(at.y - 16, box.clientHeight - 40))}px`;
      this.open = { field, resolve };
      field.addEventListener("keydown", (event) => {
        if (event.isComposing) return;
        event.stopPropagation();
        if (event.key === "Enter") this.close(field.value, true);
        else if (event.key === "Escape") this.close(null, true);
        else return;
        event.preventDefault();
      });
      field.addEventListener("blur", () => this.close(field.value));
      for (const name of ["mousedown", "pointerdown", "touchstart", "dblclick", "click"]) {
        field.addEventListener(name, (event) => event.stopPropagation());
      }
      box.append(field);
      field.focus({ preventScroll: true });
      field.select();
    });
  }

  close(value, back = false) {
    const { open } = this;
    if (!open) return;
    this.open = null;
    open.field.remove();
    if (back) this.app.canvas.box.focus({ preventScroll: true });
    open.resolve(value === null ? null : value.trim());
  }
}
