// A document that keeps what is put into it and can be written as HTML: as much of the DOM as the page needs to draw
// itself once. It has no style and no layout, its clock stands still, and nothing ever happens on it.

class EventTarget {
  addEventListener() {}
  removeEventListener() {}
}

class Node extends EventTarget {
  parentNode = null;
  childNodes = [];
  get firstChild() { return this.childNodes[0] ?? null }
  get lastChild() { return this.childNodes.at(-1) ?? null }
  get nextSibling() { return this.parentNode?.childNodes[this.parentNode.childNodes.indexOf(this) + 1] ?? null }
  get parentElement() { return this.parentNode }
  insertBefore(child, before) {
    child.remove();
    const at = before ? this.childNodes.indexOf(before) : this.childNodes.length;
    this.childNodes.splice(at, 0, child);
    child.parentNode = this;
    return child;
  }
  appendChild(child) { return this.insertBefore(child, null) }
  removeChild(child) { child.remove(); return child }
  remove() {
    const siblings = this.parentNode?.childNodes;
    siblings?.splice(siblings.indexOf(this), 1);
    this.parentNode = null;
  }
  isEqualNode(other) { return this === other }
}

export class Text extends Node {
  constructor(text) { super(); this.nodeValue = text }
  get textContent() { return this.nodeValue }
  set textContent(text) { this.nodeValue = text }
  cloneNode() { return new Text(this.nodeValue) }
  toString() { return escaped(this.nodeValue) }
}

class Element extends Node {
  attributes = new Map();
  constructor(document, name, namespaceURI) {
    super();
    Object.assign(this, { ownerDocument: document, localName: name, tagName: name, namespaceURI });
  }
  getAttribute(name) { return this.attributes.get(name) ?? null }
  setAttribute(name, value) { this.attributes.set(name, String(value)) }
  removeAttribute(name) { this.attributes.delete(name) }
  hasAttribute(name) { return this.attributes.has(name) }
  set className(value) { this.setAttribute("class", value) }
  get className() { return this.getAttribute("class") ?? "" }
  set textContent(text) { this.childNodes = []; if (text) this.appendChild(new Text(text)) }
  get textContent() { return this.childNodes.map((child) => child.textContent).join("") }
  cloneNode(deep) {
    const copy = new this.constructor(this.ownerDocument, this.localName, this.namespaceURI);
    copy.attributes = new Map(this.attributes);
    if (deep) for (const child of this.childNodes) copy.appendChild(child.cloneNode(true));
    return copy;
  }
  getBoundingClientRect() { return { left: 0, top: 0, ...this.ownerDocument.size } }
  has(word) { return this.className.split(" ").includes(word) }
  find(is) {
    for (const child of this.childNodes) {
      if (!(child instanceof Element)) continue;
      const found = is(child) ? child : child.find(is);
      if (found) return found;
    }
  }
  toString() {
    const attributes = [...this.attributes].map(([name, value]) => (value === "" ? ` ${name}` : ` ${name}="${escaped(value)}"`));
    const begin = `<${this.localName}${attributes.join("")}`;
    if (["input", "br", "hr", "img"].includes(this.localName)) return `${begin}>`;
    if (this.namespaceURI && !this.childNodes.length) return `${begin}/>`;
    return `${begin}>${this.childNodes.join("")}</${this.localName}>`;
  }
}
class HTMLElement extends Element {}
class HTMLInputElement extends HTMLElement {}
class HTMLSelectElement extends HTMLElement {}
class HTMLTextAreaElement extends HTMLElement {}
class SVGElement extends Element {}

const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const kinds = { input: HTMLInputElement, select: HTMLSelectElement, textarea: HTMLTextAreaElement };

export class Document extends Node {
  timers = [];
  constructor(size) {
    super();
    this.size = size;
    this.documentElement = new HTMLElement(this, "html");
    this.body = this.documentElement.appendChild(new HTMLElement(this, "body"));
    this.app = this.body.appendChild(new HTMLElement(this, "div"));
  }
  createElement(name) { return new (kinds[name] ?? HTMLElement)(this, name) }
  createElementNS(space, name) { return new SVGElement(this, name, space) }
  createTextNode(text) { return new Text(text) }
  getElementById(id) { return id === "app" ? this.app : null }

  /** Until the page waits for nothing but a paint. */
  async drawn() {
    const turn = () => new Promise((done) => setImmediate(done));
    await turn();
    for (let timer; (timer = this.timers.shift()); await turn()) timer();
  }

  /** Makes `global` the window of this document. */
  install(global) {
    class Window { static [Symbol.hasInstance](value) { return value === global } }
    class ResizeObserver { observe() {} disconnect() {} }
    class ShadowRoot {}
    const Date = class extends global.Date { static now() { return 0 } };
    Object.assign(global, {
      EventTarget, Node, Text, Element, HTMLElement, HTMLInputElement, HTMLSelectElement, HTMLTextAreaElement, SVGElement,
      Window, Document, ResizeObserver, ShadowRoot, Date,
      window: global, self: global, document: this,
      location: { hash: "", href: "" },
      addEventListener() {}, removeEventListener() {},
      matchMedia: () => ({ matches: false }),
      setTimeout: (timer) => this.timers.push(timer),
      clearTimeout: () => {},
      // Never: what follows the paint is not part of the first picture.
      requestAnimationFrame: () => 0,
      localStorage: { getItem: () => null, setItem() {}, removeItem() {} },
      hopscope: { engineroom: () => new Promise(() => {}) },
    });
  }
}
