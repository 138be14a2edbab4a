import { home } from "./account";
import type { Credentials, Home } from "./account";
import { instanceId } from "./instance";
import { Phone } from "./phone";
import { forget, recall, remember } from "./storage";
import { Login } from "./ui/login";
import { Shell } from "./ui/shell";
import { applyTheme } from "./ui/theme";

const CREDENTIALS = "credentials";

/** The page: either the form, or the phone of whoever logged in. */
class Page {
  private phone: Phone | undefined;

  constructor(
    private readonly instance: string,
    private readonly home: Home,
  ) {
    const who = recall<Credentials | null>(CREDENTIALS, null);
    if (who) {
      this.enter(who, undefined);
    } else {
      this.ask("");
    }
  }

  private ask(problem: string, who?: Credentials): void {
    const login = new Login(this.home.domain, (entered) => this.enter(entered, login));
    this.show("login", login.element);
    document.title = "Phone";
    if (who) {
      login.fill(who);
    }
    if (problem) {
      login.fail(problem);
    }
  }

  /** Logs in. With the form on the screen it stays there until the server has agreed. */
  private enter(who: Credentials, login: Login | undefined): void {
    if (this.phone) {
      // Pressed again while the first try still waits for the server.
      this.dismiss(this.phone);
    }
    const phone = new Phone(who, this.instance, this.home);
    this.phone = phone;
    this.expose(phone);
    let inside = false;
    const goInside = () => {
      inside = true;
      remember(CREDENTIALS, who);
      this.show("phone", new Shell(phone, () => this.leave(phone)).element);
    };
    if (!login) {
      goInside();
    }
    phone.account.on("change", () => {
      const { state, problem } = phone.account;
      if (phone !== this.phone) {
        return;
      }
      if (state === "registered" && !inside) {
        goInside();
      } else if (state === "refused" && !inside) {
        this.dismiss(phone);
        login?.fail(problem);
      } else if (state === "retrying" && !inside) {
        login?.fail(problem);
      }
    });
    phone.account.start();
  }

  private leave(phone: Phone): void {
    const who = phone.account.credentials;
    forget(CREDENTIALS);
    this.dismiss(phone);
    this.ask("", who);
  }

  private dismiss(phone: Phone): void {
    this.phone = undefined;
    phone.ringer.play(undefined);
    phone.account.stop();
  }

  private show(view: "login" | "phone", element: HTMLElement): void {
    document.documentElement.dataset["phone"] = view;
    document.body.replaceChildren(element);
  }

  /** For tests and for curious people at the console; nothing in the page reads it. */
  private expose(phone: Phone): void {
    Object.assign(window, {
      phone: {
        instanceId: this.instance,
        ua: phone.account.ua,
        ice: () => phone.account.ice.configuration,
        sessions: () => phone.calls.list.map((call) => call.session),
      },
    });
  }
}

applyTheme();
void Promise.all([instanceId(), home()]).then(([instance, found]) => new Page(instance, found));
