// Logs that were pruned: a row of the table where the newest of them would stand.

class GapRow {
  constructor([first, last, lastSeq, logs, isExact], table) {
    Object.assign(this, { first, last, logs, isExact, table });
    this.timestamp = last;
    this.seq = lastSeq;
    this.isOpen = false;
    this.root = element("tr", "gap");
    this.cell = element("td");
    this.root.append(this.cell);
    this.root.log = this;
    this.setColumns(table.columns);
    this.drawTime();
  }

  setColumns(names) {
    this.cell.colSpan = 5 + names.length;
  }

  drawTime() {
    const { zone } = this.table;
    const amount = `${this.isExact ? "" : "Up to "}${formatWhole(this.logs)} ${this.logs === 1 ? "log" : "logs"}`;
    this.cell.textContent = `${amount} from ${formatTime(this.first, zone)} to ${formatTime(this.last, zone)} ${this.logs === 1 && this.isExact ? "was" : "were"} pruned, and cannot be shown`;
  }
}
