import { JssipPhone } from "./jssip.js";
import { SipjsPhone } from "./sipjs.js";
import { tapWebSockets, wire } from "./record.js";

tapWebSockets();
window.wire = wire;

window.makePhone = (options) => {
  window.phone = options.library === "sipjs" ? new SipjsPhone(options) : new JssipPhone(options);
  window.phone.start();
};
