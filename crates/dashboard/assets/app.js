// The dashboard's scripts. Pages can be read and forms sent without them.
import { setUpCharts } from "./chart.js";
import { setUpChecks } from "./checks.js";
import { setUpCopying } from "./copy.js";
import { setUpForms } from "./forms.js";
import { keepFresh, rememberParts } from "./fragment.js";
import { setUpSelection } from "./select.js";
import { setUpShortcuts } from "./shortcuts.js";
import { setUpThemes } from "./theme.js";
import { localTimes } from "./times.js";

/** Prepares what a part of the page contains: the whole document, or a part that was just replaced. */
function prepare(root) {
  localTimes(root);
  setUpCharts(root);
  setUpChecks(root);
  setUpCopying(root);
  setUpForms(root);
  setUpSelection(root);
}

// On a phone, the last tabs may be outside of the view.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
rememberParts();
prepare(document);
setUpThemes();
setUpShortcuts();
keepFresh(prepare);
