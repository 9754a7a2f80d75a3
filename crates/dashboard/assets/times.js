// Times of the server, rewritten in the reader's zone. The page has them in UTC.

const FORMATS = {
  moment: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
  date: { day: "numeric", month: "long", year: "numeric" },
  clock: { hour: "2-digit", minute: "2-digit" },
};

/** @param {ParentNode} root */
export function localTimes(root) {
  for (const element of root.querySelectorAll("time[data-as]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const moment = new Intl.DateTimeFormat("en-GB", FORMATS.moment).format(at);
    if (element.dataset.as === "ago") {
      element.title = moment;
    } else if (element.dataset.as in FORMATS) {
      element.textContent = new Intl.DateTimeFormat("en-GB", FORMATS[element.dataset.as]).format(at);
      if (element.dataset.as !== "moment") element.title = moment;
    }
  }
}

/** The time of day, for a message. */
export function clock(at) {
  return new Intl.DateTimeFormat("en-GB", FORMATS.clock).format(at);
}
