export interface Match<Item> {
  readonly item: Item;
  /** Tokens that the item's path and the asked tokens have in common. */
  readonly length: number;
}

/** The path to a node is `tokens[0 .. depth)`; the part of it from the parent's depth on is the edge to the node. */
interface Node<Item> {
  /** The array of an item at or below this node, so that the tree keeps no array alive but its items'. */
  tokens: Int32Array;
  readonly depth: number;
  parent: Node<Item> | undefined;
  /** Items whose path ends here, each with its array. */
  readonly items: Map<Item, Int32Array>;
  /** By the first token of the edge. */
  readonly children: Map<number, Node<Item>>;
}

/**
 * Items by a sequence of tokens, and which of them begin like another one. A radix tree: a node is where an item's path
 * ends or where paths part, and nothing else but the root is a node. Tokens are never copied. Every call costs one
 * comparison per token of the path, and one look-up per node on it.
 */
export class PrefixTree<Item extends object> {
  readonly #root: Node<Item> = newNode<Item>(new Int32Array(0), 0);
  readonly #places = new Map<Item, Node<Item>>();

  get size(): number {
    return this.#places.size;
  }

  /**
   * Puts an item at the end of `tokens[0 .. length)`. Several items may have the same path; an item stands at one place
   * (inserting it again throws). The array must not change within `length` while the item is in.
   */
  insert(item: Item, tokens: Int32Array, length: number): void {
    if (this.#places.has(item)) throw new Error("the item is in the tree already");
    if (!(length >= 0 && length <= tokens.length))
      throw new RangeError(`a path of ${length} of ${tokens.length} tokens`);
    const { node, common } = this.#descend(tokens, length);
    let place = common < node.depth ? splitAbove(node, common) : node;
    if (common < length) {
      const leaf = newNode<Item>(tokens, length);
      adopt(place, leaf);
      place = leaf;
    }
    place.items.set(item, tokens);
    this.#places.set(item, place);
  }

  /** Takes it out, and every edge that then leads nowhere. False = it was not there. */
  remove(item: Item): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    const tokens = place.items.get(item)!;
    place.items.delete(item);
    let node: Node<Item> | undefined = dissolve(place);
    for (; node?.parent !== undefined; node = node.parent) {
      if (node.tokens === tokens) node.tokens = tokensBelow(node);
    }
    return true;
  }

  /**
   * Items by descending common length with `tokens[0 .. length)`, only those with at least 1; of equal ones those whose
   * whole path is common come first. Lazy: who stops early pays only for what was looked at. The tree must not change
   * meanwhile.
   */
  *matches(tokens: Int32Array, length: number): Generator<Match<Item>> {
    let { node, common } = this.#descend(tokens, length);
    let seen: Node<Item> | undefined;
    while (common > 0) {
      for (const item of itemsBelow(node, seen)) yield { item, length: common };
      seen = node;
      node = node.parent!; // only the root has none, and its depth is 0
      common = node.depth;
    }
  }

  /** Length of the longest part of the item's path, from the beginning, that is also part of another item's. */
  sharedLength(item: Item): number {
    const place = this.#places.get(item);
    if (place === undefined) throw new Error("the item is not in the tree");
    if (place.items.size > 1 || place.children.size > 0) return place.depth;
    return place.parent?.depth ?? 0;
  }

  /** Throws if the tree breaks one of its own laws. Visits all of it: for tests. */
  check(): void {
    let items = 0;
    const open = [this.#root];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      items += node.items.size;
      checkNode(node);
      for (const item of node.items.keys()) {
        if (this.#places.get(item) !== node) throw new Error(`an item at depth ${node.depth} is booked elsewhere`);
      }
      open.push(...node.children.values());
    }
    if (items !== this.size) throw new Error(`${this.size} items are booked and ${items} are in the tree`);
  }

  /**
   * How far the tree has `tokens[0 .. length)`, and the highest node whose path has all of that: the end of it, or,
   * when it ends within an edge, the node below.
   */
  #descend(tokens: Int32Array, length: number): { node: Node<Item>; common: number } {
    let node = this.#root;
    while (node.depth < length) {
      const child = node.children.get(tokens[node.depth]!);
      if (child === undefined) break;
      const end = Math.min(child.depth, length);
      let common = node.depth + 1;
      while (common < end && child.tokens[common] === tokens[common]) common++;
      if (common < child.depth) return { node: child, common };
      node = child;
    }
    return { node, common: node.depth };
  }
}

function newNode<Item>(tokens: Int32Array, depth: number): Node<Item> {
  return { tokens, depth, parent: undefined, items: new Map(), children: new Map() };
}

/** Makes `child` the child of `parent` that its tokens lead to, in the place of another one if there is one. */
function adopt<Item>(parent: Node<Item>, child: Node<Item>): void {
  parent.children.set(child.tokens[parent.depth]!, child);
  child.parent = parent;
}

/** Makes a node of a place within the edge to `node`. */
function splitAbove<Item>(node: Node<Item>, depth: number): Node<Item> {
  const upper = newNode<Item>(node.tokens, depth);
  adopt(node.parent!, upper);
  adopt(upper, node);
  return upper;
}

/**
 * Removes a node that lost an item, if no item is left at or below it, or if it is no longer where paths part; so also
 * its parent. Returns the lowest of those above that stay.
 */
function dissolve<Item>(node: Node<Item>): Node<Item> {
  const { parent } = node;
  if (parent === undefined || node.items.size > 0 || node.children.size > 1) return node;
  const [child] = node.children.values();
  if (child === undefined) parent.children.delete(node.tokens[parent.depth]!);
  else adopt(parent, child);
  return dissolve(parent);
}

/** The array of some item at or below a node whose children have theirs right. */
function tokensBelow<Item>(node: Node<Item>): Int32Array {
  for (const tokens of node.items.values()) return tokens;
  for (const child of node.children.values()) return child.tokens;
  throw new Error(`no item stands at or below a node at depth ${node.depth}`);
}

/** Those at `top` first; without those at or below its child `except`. */
function* itemsBelow<Item>(top: Node<Item>, except?: Node<Item>): Generator<Item> {
  const open = [top];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    yield* node.items.keys();
    for (const child of node.children.values()) if (child !== except) open.push(child);
  }
}

function checkNode<Item>(node: Node<Item>): void {
  const { tokens, depth, items, children, parent } = node;
  const needed = parent === undefined || items.size > 0 || children.size > 1;
  if (!needed) throw new Error(`a node at depth ${depth} has no item and ${children.size} children`);
  for (const [token, child] of children) {
    const linked = child.parent === node && child.depth > depth && child.tokens[depth] === token;
    if (!linked) throw new Error(`the child of a node at depth ${depth} by token ${token} is not linked right`);
  }
  const known = parent === undefined || [...arraysBelow(node)].includes(tokens);
  if (!known) throw new Error(`a node at depth ${depth} refers to an array that no item below has`);
}

function* arraysBelow<Item>(node: Node<Item>): Generator<Int32Array> {
  yield* node.items.values();
  for (const child of node.children.values()) yield* arraysBelow(child);
}
